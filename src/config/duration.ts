const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 }

/**
 * Milliseconds of a duration written as PostgreSQL writes it in its settings: a number with `ms`, `s`, `min` or `h`
 * (`500ms`, `1.5s`, `10 min`). Undefined when it is not one, or is less than a millisecond or more than 24 days, which
 * is as far as PostgreSQL's own timeouts reach.
 */
export function parseDuration(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h)$/.exec(text.trim()) ?? []
  const milliseconds = Math.round(Number(number) * (units[unit] ?? Number.NaN))
  return milliseconds >= 1 && milliseconds <= 2_147_483_647 ? milliseconds : undefined
}

/** A duration for people: `12 ms`, `2.3 s`, `4 min 10 s`, `2 h 5 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 10) return `${Number(milliseconds.toPrecision(2))} ms`
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${Number((milliseconds / 1000).toFixed(1))} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.round(seconds / 60)
  return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`
}
