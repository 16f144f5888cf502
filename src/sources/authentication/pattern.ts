// Where the expressions of PostgreSQL and JavaScript refuse the same: no escapes, no (? and none of what a bracket
// expression can have beyond characters and one range.
const shared = /^(?:[^\\()[\]{}*+?|^$]|[|^$]|\((?!\?)|\)|[*+?]|\{\d[\d,]*\}?|\[\^?[\w.@]+(?:-\w)?\])*$/

/** What PostgreSQL repeats at most (`DUPMAX`). */
const mostRepetitions = 255

/**
 * Why PostgreSQL refuses a regular expression, without its detail; undefined when it takes it or when that cannot be
 * told without a server.
 */
export function refusePattern(pattern: string): string | undefined {
  const isEscape = /(?<!\\)(?:\\\\)*\\$/.test(pattern)
  if (!isEscape && (!shared.test(pattern) || isTaken(pattern))) return undefined
  return `invalid regular expression "${pattern}"`
}

function isTaken(pattern: string): boolean {
  const repetitions = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?/g)].flatMap(([, least, most]) => [least, most])
  if (repetitions.some((text) => Number(text ?? 0) > mostRepetitions)) return false
  try {
    return new RegExp(pattern, 'u').unicode
  } catch {
    return false
  }
}
