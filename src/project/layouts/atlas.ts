import { blockCommentEnd, lineEndAfter } from '../../sql/blank.ts'
import { tokenEnd } from '../../sql/token.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import type { SourceFile } from '../files.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, Section, UnreadableFile } from '../migration-file.ts'
import { sumName } from './atlas-sum.ts'
import { fileWith, migrationOf, readInto } from './layout.ts'
import type { Layout } from './layout.ts'

/**
 * Atlas's own format: every `.sql` file of the folder, in the order of the names; the version is what stands before the
 * first `_`. Statements are sent one by one, in one transaction unless the file says `-- atlas:txmode none`.
 *
 * A checkpoint makes in one go what the files before it make one by one, for databases that are new. Those that are
 * there run the files, so these are read, and the checkpoint only where it is the first of its folder.
 */
export const atlas: Layout = {
  name: 'atlas',
  mark(folder) {
    if (folder.files.includes(sumName)) return sumName
    const name = fileWith(folder, /^-- atlas:\w/, ['-- atlas:'])
    return name && `\`-- atlas:\` in ${name}`
  },
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  for (const entry of folder.files) {
    if (!entry.endsWith('.sql')) continue
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    const directives = readDirectives(asWritten(file))
    const isFirst = migrations.length === 0
    if (directives.some(({ name }) => name === 'checkpoint') && !isFirst) continue
    const script = readScript(file, directives)
    if ('refused' in script) {
      unreadable.push({ path: file.path, ...script.refused })
      continue
    }
    const [, version = entry, name = ''] = /^([^_]*)_?(.*)\.sql$/.exec(entry) ?? []
    migrations.push(migrationOf('atlas', file, { version, name, ...script }))
  }
  return { layout: 'atlas', path: folder.path, migrations, unreadable, code: [] }
}

type Script = { up: Section; down: Section | undefined } | { refused: { code: string; message: string; line: number } }

function readScript(file: SourceFile, directives: readonly Directive[]): Script {
  const mode = modeOf(directives)
  if ('refused' in mode) return mode
  const section = (start: number, end: number): Section => {
    const text = file.text.slice(start, end)
    return { file: file.path, text, start, mode: mode.transaction }
  }
  if (directives.some(({ name }) => name === 'txtar')) {
    const up = archived(file.text, 'migration.sql')
    const down = archived(file.text, 'down.sql')
    if (up === undefined) return refuse('`-- atlas:txtar` without an entry `-- migration.sql --`')
    return { up: section(...up), down: down && section(...down) }
  }
  const whole = section(0, file.text.length)
  const delimiter = readDelimiter(asWritten(file))
  return { up: delimiter === undefined ? whole : delimited(whole, delimiter), down: undefined }
}

/** Atlas looks at the bytes: a line that ends in CRLF is another to it. */
function asWritten({ text, normalised }: SourceFile): string {
  const lines = normalised.carriageReturns ? text.replaceAll('\n', '\r\n') : text
  return normalised.byteOrderMark ? `\uFEFF${lines}` : lines
}

interface Directive {
  name: string
  value: string
}

const directive = /^[ -~]*atlas:(\w+)(?: +(.+))*/

/**
 * The directives of a file: comments from its first character on, with an empty line behind them. Directives that stand
 * directly before a statement are the statement's. Source: `sql/migrate/dir.go`, LocalFile.
 */
function readDirectives(text: string): Directive[] {
  const comments: string[] = []
  let rest = text
  while (rest.startsWith('#') || rest.startsWith('--')) {
    const end = rest.indexOf('\n')
    comments.push(end === -1 ? rest : rest.slice(0, end).trim())
    rest = end === -1 ? '' : rest.slice(end + 1)
  }
  if (rest !== '' && !/^[ \t]*\n/.test(rest)) return []
  return comments.flatMap((comment) => {
    const [, name, value = ''] = directive.exec(comment) ?? []
    return name === undefined ? [] : [{ name, value }]
  })
}

function modeOf(directives: readonly Directive[]): { transaction: TransactionMode } | (Script & { refused: object }) {
  const modes = directives.filter(({ name }) => name === 'txmode')
  const [first] = modes
  if (modes.length > 1) return refuse('several `-- atlas:txmode`')
  switch (first?.value) {
    case undefined:
    case 'file':
      return { transaction: 'transaction' }
    case 'none':
      return { transaction: 'statement' }
    case 'all':
      return refuse('`-- atlas:txmode all`, which is for the whole run only')
    default:
      return refuse(`\`-- atlas:txmode ${first?.value ?? ''}\`, which it does not know`)
  }
}

function refuse(what: string): { refused: { code: string; message: string; line: number } } {
  return { refused: { code: 'bad-directive', message: `Atlas refuses the file: ${what}`, line: 1 } }
}

/** Where an entry of a text archive begins and ends: behind its line `-- NAME --`, up to the next such line. */
function archived(text: string, entry: string): [start: number, end: number] | undefined {
  const markers = [...text.matchAll(/^-- (\S.*?) --[ \t]*$\n?/gm)]
  const index = markers.findIndex(([, name]) => name === entry)
  const marker = markers[index]
  return marker && [marker.index + marker[0].length, markers[index + 1]?.index ?? text.length]
}

/** What ends a statement in place of the semicolon. It must be said on the first line, and with `-- ` before it. */
function readDelimiter(text: string): string | undefined {
  const value = /^-- atlas:delimiter +(.+)/.exec(text)?.[1]
  return value?.replaceAll('\\n', '\n').replaceAll('\\r', '\r').replaceAll('\\t', '\t')
}

/**
 * The section with a semicolon for each delimiter, and white space for what is longer, so that nothing else moves.
 * Delimiters count outside parentheses, quotes and comments.
 */
function delimited(section: Section, delimiter: string): Section {
  const { text } = section
  const instead = delimiter.replaceAll(/[^\n]/g, ' ').replace(/^[^]/, ';')
  const firstLine = text.indexOf('\n') + 1
  let result = text.slice(0, firstLine)
  let depth = 0
  for (let at = firstLine; at < text.length;) {
    if (depth === 0 && text.startsWith(delimiter, at)) {
      result += instead
      at += delimiter.length
      continue
    }
    const end = pieceEnd(text, at)
    const piece = text.slice(at, end)
    if (piece === '(') depth++
    if (piece === ')') depth--
    result += piece
    at = end
  }
  return { ...section, text: result }
}

/** The end of a character of white space, a comment or a token. */
function pieceEnd(text: string, at: number): number {
  if (/\s/.test(text.charAt(at))) return at + 1
  if (text.startsWith('--', at)) return lineEndAfter(text, at)
  return text.startsWith('/*', at) ? blockCommentEnd(text, at) : tokenEnd(text, at)
}
