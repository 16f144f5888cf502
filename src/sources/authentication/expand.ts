import { posix } from 'node:path'
import type { TextPlace } from '../../findings/text-place.ts'
import { logicalLines } from './lines.ts'
import type { LogicalLine } from './lines.ts'
import { fieldsOf } from './tokens.ts'
import type { Field, LineToken } from './tokens.ts'

/** Where included files come from. Paths are those of the repository, `/` as separator. */
export interface AuthenticationFiles {
  read(path: string): { kind: 'text'; text: string } | { kind: 'missing' } | UnknownFile
  /** The names in a folder, without those of folders. */
  list(path: string): { kind: 'names'; names: readonly string[] } | { kind: 'missing' } | UnknownFile
}

/** The server may have it, but the repository does not show it: `needs` as in `Authentication.unread`. */
export interface UnknownFile {
  kind: 'unknown'
  needs: string
}

/** A token with its place, which is in another file than its line's where `@file` brought it. */
export interface Token {
  text: string
  quoted: boolean
  at: TextPlace
}

/** A line that is neither empty nor an include record, or one that could not be read. */
export interface ExpandedLine {
  at: TextPlace
  fields: [Token, ...Token[]][]
  /** Why the server refuses it before it looks at its fields. */
  fault?: string
}

/** A file that is named and not known, with the line that names it. */
interface UnreadFile {
  at: TextPlace
  needs: string
}

/** Files within files: more the server refuses. */
const deepest = 10
/** Files read for one main file: those that include each other several times would be read without end. */
const maxInclusions = 1_000
/** What a template engine fills in before the server sees the line. */
const templateMark = /\$\{|\{\{|\{%|<%/

interface Expansion {
  files: AuthenticationFiles
  unread: UnreadFile[]
  inclusions: number
}

/** A fault of the line in hand, or that it hangs on a file that is not known. */
type Trouble = { fault: string } | { needs: string }

/**
 * The lines of a file with those of the files that it includes (`include`, `include_if_exists`, `include_dir`), and
 * names taken from an `@file`. A relative path is relative to the file that has it.
 */
export function expandFile(
  path: string,
  text: string,
  files: AuthenticationFiles,
): { lines: ExpandedLine[]; unread: UnreadFile[] } {
  const expansion: Expansion = { files, unread: [], inclusions: 0 }
  return { lines: expandText(expansion, path, text, 0), unread: expansion.unread }
}

function expandText(expansion: Expansion, file: string, text: string, depth: number): ExpandedLine[] {
  return logicalLines(text).flatMap((line) => {
    const fields = fieldsOf(line.text)
    const [first] = fields
    const last = fields.at(-1)?.at(-1)
    if (first === undefined || last === undefined) return []
    const at: TextPlace = { file, text, span: spanOf(line, first[0].start, last.end) }
    if (templateMark.test(line.text)) return inTrouble(expansion, at, { needs: 'what the template engine fills in' })
    return expandLine(expansion, { at, line, fields }, depth)
  })
}

interface ReadLine {
  at: TextPlace
  line: LogicalLine
  fields: Field[]
}

function expandLine(expansion: Expansion, { at, line, fields }: ReadLine, depth: number): ExpandedLine[] {
  const expanded: ExpandedLine['fields'] = []
  for (const field of fields) {
    const tokens: Token[] = []
    for (const token of field) {
      const trouble = expandToken(expansion, tokens, { at, line, token }, depth)
      if (trouble !== undefined) return inTrouble(expansion, at, trouble)
    }
    const [head, ...others] = tokens
    if (head !== undefined) expanded.push([head, ...others])
  }
  if (expanded.length === 0) return []
  const [name, argument, ...rest] = expanded
  if (name === undefined || argument === undefined || rest.length > 0) return [{ at, fields: expanded }]
  const path = argument[0].text
  switch (name[0].text) {
    case 'include':
      return include(expansion, at, path, depth, false)
    case 'include_if_exists':
      return include(expansion, at, path, depth, true)
    case 'include_dir':
      return includeFolder(expansion, at, path, depth)
    default:
      return [{ at, fields: expanded }]
  }
}

function expandToken(
  expansion: Expansion,
  tokens: Token[],
  { at, line, token }: { at: TextPlace; line: LogicalLine; token: LineToken },
  depth: number,
): Trouble | undefined {
  const { text, quoted } = token
  if (quoted || text.length < 2 || !text.startsWith('@')) {
    tokens.push({ text, quoted, at: { ...at, span: spanOf(line, token.start, token.end) } })
    return undefined
  }
  const opened = open(expansion, at.file, text.slice(1), depth + 1)
  if (opened.kind === 'unknown') return { needs: opened.needs }
  if (opened.kind === 'fault') return { fault: opened.message }
  const known = expansion.unread.length
  for (const inner of expandText(expansion, opened.path, opened.text, depth + 1)) {
    if (inner.fault !== undefined) return { fault: inner.fault }
    tokens.push(...inner.fields.flat())
  }
  // A name list of which a part is not known says nothing about whom the line lets in.
  const unread = expansion.unread.splice(known)[0]
  return unread && { needs: unread.needs }
}

function include(
  expansion: Expansion,
  at: TextPlace,
  location: string,
  depth: number,
  mayBeMissing: boolean,
): ExpandedLine[] {
  const opened = open(expansion, at.file, location, depth + 1)
  if (opened.kind === 'unknown') return inTrouble(expansion, at, opened)
  if (opened.kind === 'text') return expandText(expansion, opened.path, opened.text, depth + 1)
  return mayBeMissing && opened.isMissing ? [] : inTrouble(expansion, at, { fault: opened.message })
}

/** All that ends in `.conf` and is not hidden, in the order of the bytes. */
function includeFolder(expansion: Expansion, at: TextPlace, location: string, depth: number): ExpandedLine[] {
  if (location.trim() === '') return inTrouble(expansion, at, { fault: 'empty configuration directory name' })
  const path = resolvePath(at.file, location)
  const listing = expansion.files.list(path)
  if (listing.kind === 'unknown') return inTrouble(expansion, at, listing)
  if (listing.kind === 'missing') return inTrouble(expansion, at, { fault: `could not open directory "${path}"` })
  const names = listing.names.filter((name) => name.length >= 6 && !name.startsWith('.') && name.endsWith('.conf'))
  const faults: string[] = []
  const lines = names
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap((name) => {
      const opened = open(expansion, at.file, posix.relative(posix.dirname(at.file), `${path}/${name}`), depth + 1)
      if (opened.kind === 'unknown') return inTrouble(expansion, at, opened)
      if (opened.kind === 'text') return expandText(expansion, opened.path, opened.text, depth + 1)
      faults.push(opened.message)
      return []
    })
  return faults.length === 0 ? lines : [...lines, ...inTrouble(expansion, at, { fault: faults.join('\n') })]
}

type Opened =
  | { kind: 'text'; path: string; text: string }
  | UnknownFile
  | { kind: 'fault'; message: string; isMissing: boolean }

function open(expansion: Expansion, from: string, location: string, depth: number): Opened {
  const path = resolvePath(from, location)
  const fault = (reason: string, isMissing: boolean): Opened => {
    return { kind: 'fault', message: `could not open file "${path}": ${reason}`, isMissing }
  }
  if (depth > deepest) return fault('maximum nesting depth exceeded', false)
  if (expansion.inclusions >= maxInclusions) {
    return { kind: 'unknown', needs: `an end of the files that include each other (${maxInclusions} were read)` }
  }
  expansion.inclusions++
  const reading = expansion.files.read(path)
  if (reading.kind === 'missing') return fault('No such file or directory', true)
  return reading.kind === 'text' ? { kind: 'text', path, text: reading.text } : reading
}

function resolvePath(from: string, location: string): string {
  const path = posix.isAbsolute(location) ? location : posix.join(posix.dirname(from), location)
  return posix.normalize(path).replace(/(?<=.)\/$/, '')
}

function inTrouble({ unread }: Expansion, at: TextPlace, trouble: Trouble): ExpandedLine[] {
  if ('fault' in trouble) return [{ at, fields: [], fault: trouble.fault }]
  unread.push({ at, needs: trouble.needs })
  return []
}

/** The end is that of the last character, so that a line that goes on after it is not taken along. */
function spanOf(line: LogicalLine, start: number, end: number): TextPlace['span'] {
  return { start: line.offset(start), end: line.offset(end - 1) + 1 }
}
