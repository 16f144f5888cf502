import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { failure } from '../errors.ts'
import { applyEdits } from '../findings/fix.ts'
import type { NewFile } from '../findings/fix.ts'
import { readSource } from '../project/files.ts'
import type { SourceFile } from '../project/files.ts'
import { writeWhole } from '../project/write-whole.ts'
import { splitNumbered } from './numbered-path.ts'
import type { FixPlan } from './plan-fixes.ts'

/** A file as a plan changes it. */
export interface ChangedFile {
  /** Relative to the repository. */
  file: string
  /** The decoded text of today; undefined for a new file. */
  before?: string
  after: string
  /** The bytes to write: with the byte order mark and the line ends that the file has. */
  written: string
}

/**
 * The files that a plan changes: edited ones by path, then the new ones.
 * @param judged the text that was judged.
 * @throws KeiError `file-changed` where the disk has another text by now; `file-exists` where a new file's name is taken
 * by another text.
 */
export function changedFiles(root: string, plan: FixPlan, judged: (file: string) => string | undefined): ChangedFile[] {
  const files = [...new Set(plan.edits.map(({ file }) => file))].sort()
  const edited = files.map((file): ChangedFile => {
    const reading = readSource(root, file)
    if (reading.kind !== 'text' || reading.file.text !== judged(file)) throw fileChanged(file)
    const before = reading.file.text
    const after = applyEdits(
      before,
      plan.edits.filter((edit) => edit.file === file),
    )
    return { file, before, after, written: asWritten(after, reading.file) }
  })
  return [...edited, ...plan.newFiles.filter((each) => !isThere(root, each)).map(newFile)]
}

/**
 * Writes what `changedFiles` gave: the new files first, so that, killed in between, no edit stands without the
 * migration that follows it; the next run takes a new file that is there already as its own.
 * @throws KeiError `cannot-write`, exit 4.
 */
export function writeFiles(root: string, changed: readonly ChangedFile[]): void {
  const isNew = ({ before }: ChangedFile) => before === undefined
  for (const { file, written } of [...changed.filter(isNew), ...changed.filter((each) => !isNew(each))]) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeWhole(join(root, file), written)
  }
}

function newFile({ file, text }: NewFile): ChangedFile {
  return { file, after: text, written: text }
}

/** Whether a run that was killed wrote it already; its version may have been another. */
function isThere(root: string, { file, text }: NewFile): boolean {
  const own = splitNumbered(file)
  const names = own === undefined ? [] : namesIn(join(root, own.folder))
  const isSame = (name: string) => {
    const path = own?.rest.includes('/') ? `${name}/migration.sql` : name
    const isNamedAlike = splitNumbered(path)?.rest === own?.rest
    return isNamedAlike && textOf(join(root, own?.folder ?? '', path)) === text
  }
  if (names.some(isSame)) return true
  if (!existsSync(join(root, file))) return false
  throw failure({
    code: 'file-exists',
    message: `${file} is there already, with another text`,
    hint: 'Nothing was changed. Move it away, or run `kei check --fix` again: it numbers new migrations after the last.',
  })
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function asWritten(text: string, { normalised }: SourceFile): string {
  const lines = normalised.carriageReturns ? text.replaceAll('\n', '\r\n') : text
  return normalised.byteOrderMark ? `\uFEFF${lines}` : lines
}

function fileChanged(file: string): Error {
  return failure({
    code: 'file-changed',
    message: `${file} was changed while it was checked`,
    hint: 'Nothing was changed. Run `kei check --fix` again.',
  })
}
