import type { LayoutName } from '../../config/config.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import type { SourceFile } from '../files.ts'
import { joinPath } from '../folder.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, Section, UnreadableFile } from '../migration-file.ts'

/** How one tool lays out its migrations on the disk. */
export interface Layout {
  name: LayoutName
  /** What in the folder shows that it is this tool's, in words; undefined when nothing does. */
  mark(folder: Folder): string | undefined
  /** The migrations in the order in which the tool runs them; two of one version both stay. */
  read(folder: Folder): MigrationFolder
}

/**
 * The first `.sql` file of the folder with `pattern` in its text. Every match has one of `literals` in it: looking for
 * those first is what makes a folder of thousands of files fast. `X.down.sql` beside `X.sql` is not looked into: tools
 * that write into their files how to run them have both directions in one.
 */
export function fileWith(folder: Folder, pattern: RegExp, literals: readonly string[]): string | undefined {
  const names = new Set(folder.files)
  return folder.files.find((name) => {
    if (!name.endsWith('.sql') || isDownFile(name, names)) return false
    const reading = folder.read(name)
    if (reading.kind !== 'text') return false
    const { text } = reading.file
    return literals.some((literal) => text.includes(literal)) && pattern.test(text)
  })
}

const downSuffix = '.down.sql'

/** Whether a file of a folder with these names is the way back of one beside it: `X.down.sql` of `X.sql`. */
export function isDownFile(name: string, names: ReadonlySet<string>): boolean {
  return name.endsWith(downSuffix) && names.has(`${name.slice(0, -downSuffix.length)}.sql`)
}

/** A file of the folder; when it cannot be read, undefined, and `unreadable` names it. */
export function readInto(unreadable: UnreadableFile[], folder: Folder, name: string): SourceFile | undefined {
  const reading = folder.read(name)
  if (reading.kind === 'text') return reading.file
  unreadable.push(reading.file)
  return undefined
}

/** A section that is the whole file. */
export function wholeFile(file: SourceFile, mode: TransactionMode): Section {
  return { file: file.path, text: file.text, start: 0, mode }
}

/** A migration of the working tree; whether it is released is not the layout's to say. */
export function migrationOf(
  layout: LayoutName,
  file: SourceFile,
  parts: { version: string; name: string; up: Section; down: Section | undefined },
): MigrationFile {
  const { version, name, up, down } = parts
  return { layout, version, name, path: file.path, text: file.text, up, down, released: false }
}

/** Names a file for a reason other than its contents. */
export function refusedFile(folder: Folder, name: string, code: string, message: string): UnreadableFile {
  return { path: joinPath(folder.path, name), code, message }
}

/** Whether a name looks like a migration's, so that passing over it in silence would mislead. */
export function looksLikeMigration(name: string): boolean {
  return /^\d.*\.sql$/.test(name)
}

/** Orders versions of digits by their number, however many digits they have and whatever zeros they begin with. */
export function compareVersions(a: string, b: string): number {
  const left = a.replace(/^0+(?=\d)/, '')
  const right = b.replace(/^0+(?=\d)/, '')
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

/** By version, then by path. */
export function inOrder(migrations: MigrationFile[]): MigrationFile[] {
  return migrations.sort((a, b) => compareVersions(a.version, b.version) || (a.path < b.path ? -1 : 1))
}
