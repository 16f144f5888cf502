import type { ReplayError } from './replay-session.ts'

/** A statement that failed by itself or could not run, from which later failures follow. */
export interface Root {
  file: string
  line: number
}

/** Names that statements which did not run, or were rolled back, would have made or removed. */
export interface LostNames {
  entries: { root: Root; words: ReadonlySet<string> }[]
}

export function noLostNames(): LostNames {
  return { entries: [] }
}

/** Notes that `text` had no effect because of `root`. Every word of it counts as a name. */
export function loseNames(lost: LostNames, root: Root, text: string): void {
  const words = new Set<string>()
  for (const [word, quoted] of text.matchAll(/"((?:[^"]|"")+)"|[\p{L}_][\p{L}\w$]*/gu)) {
    words.add(quoted?.replaceAll('""', '"') ?? word.toLowerCase())
  }
  lost.entries.push({ root, words })
}

/**
 * Undefined or duplicate table, column, object, function, schema, parameter; dependent objects; invalid foreign key;
 * wrong object type.
 */
const namingStates = new Set([
  '42P01',
  '42703',
  '42704',
  '42883',
  '3F000',
  '42P02',
  '42P07',
  '42701',
  '42710',
  '42723',
  '42P06',
  '2BP01',
  '42830',
  '42809',
])

/** Whether an error is about an object that is missing, or is there although it should not be. */
export function isNamingError(error: ReplayError): boolean {
  return namingStates.has(error.sqlstate ?? '')
}

/** The first root whose lost text names all that the error complains of; undefined when the error is a root itself. */
export function rootOf(lost: LostNames, error: ReplayError): Root | undefined {
  if (lost.entries.length === 0 || !isNamingError(error)) return undefined
  const names = namesIn(error.message)
  if (names.length === 0) return undefined
  return lost.entries.find(({ words }) => names.every((name) => words.has(name)))?.root
}

/** The names in a message, bare: `relation "public.a" does not exist` gives `a`. */
function namesIn(message: string): string[] {
  const quoted = [...message.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
  const called = /^(?:function|procedure|routine|column|operator class) ([\w.]+)/.exec(message)?.[1]
  return [...quoted, ...(called === undefined ? [] : [called])].map((name) => name.split('.').at(-1) ?? name)
}
