/** What the name of a file says to Flyway. */
export interface FlywayName {
  kind: 'versioned' | 'undo' | 'baseline' | 'repeatable'
  /** With dots; of a repeatable one its name as in the file, `R__` included. */
  version: string
  /** As in the file: words joined by `_`. */
  name: string
  /** The name with spaces, which repeatable ones are ordered by. */
  description: string
}

const kinds = { V: 'versioned', U: 'undo', B: 'baseline', R: 'repeatable' } as const

/**
 * Reads the name of a script or a class as Flyway 13 does, with its default prefixes and separator. Undefined for one
 * that Flyway passes over. Source: ResourceNameParser and MigrationVersion of flyway-core.
 */
export function readFlywayName(file: string): FlywayName | undefined {
  const stem = file.replace(/\.(?:sql|java|kt)$/, '')
  const prefix = stem.charAt(0)
  if (stem === file || !isPrefix(prefix)) return undefined
  const kind = kinds[prefix]
  const separator = stem.indexOf('__')
  const version = stem.slice(1, separator === -1 ? undefined : separator).replaceAll('_', '.')
  const name = separator === -1 ? '' : stem.slice(separator + 2)
  const description = name.replaceAll('_', ' ')
  if (kind === 'repeatable') return version === '' ? { kind, version: stem, name, description } : undefined
  return /^\d+(?:\.\d+)*$/.test(version) ? { kind, version, name, description } : undefined
}

function isPrefix(text: string): text is keyof typeof kinds {
  return text in kinds
}

/** Part by part as numbers; a part that is missing is 0. */
export function compareFlywayVersions(a: string, b: string): number {
  const left = a.split('.').map(BigInt)
  const right = b.split('.').map(BigInt)
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const one = left[index] ?? 0n
    const other = right[index] ?? 0n
    if (one !== other) return one < other ? -1 : 1
  }
  return 0
}
