/** A share of one as a percentage, to a tenth where it is near none or all: `0.4 %`, `98 %`. */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent < 10 || percent > 99 ? Number(percent.toFixed(1)) : Math.round(percent)} %`
}

/** Whole days from one ISO 8601 moment to another. */
export function daysBetween(from: string, to: string): number {
  return Math.floor((Date.parse(to) - Date.parse(from)) / 86_400_000)
}
