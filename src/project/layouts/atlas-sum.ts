import { createHash } from 'node:crypto'
import type { LayoutName } from '../../config/config.ts'
import type { SumFile, SumMismatch } from '../../findings/sum-file.ts'
import { joinPath } from '../folder.ts'
import type { Folder } from '../folder.ts'

export const sumName = 'atlas.sum'

/** A file as the sum sees it: its bytes, whatever they say. */
export interface SummedFile {
  /** Relative to the folder. */
  name: string
  bytes: Uint8Array
}

/** A line of the integrity file: the state of one digest that runs through all files, after this one. */
interface SumLine {
  name: string
  hash: string
}

/**
 * The integrity file of a folder, held against its files. Undefined where a file cannot be read: then nothing can be
 * said of it.
 *
 * Which files count, and in which order, is for Atlas a matter of the `format` it is run with: for its own, goose's and
 * dbmate's all `.sql` files by name, for golang-migrate's the `.up.sql` files. A folder of golang-migrate's that was
 * hashed in Atlas's own format is right too.
 */
export function readSum(folder: Folder, layout: LayoutName): SumFile | undefined {
  const path = joinPath(folder.path, sumName)
  const all = folder.files.filter((name) => name.endsWith('.sql'))
  const own = layout === 'golang-migrate' ? all.filter((name) => name.endsWith('.up.sql')) : all
  const files = summedFiles(folder, own)
  if (files === undefined) return undefined
  const expected = sumText(files)
  if (!folder.files.includes(sumName)) return { path, expected, mismatch: { kind: 'missing' } }

  const reading = folder.read(sumName)
  if (reading.kind === 'unreadable') return undefined
  const { text } = reading.file
  const mismatch = mismatchOf(text, files)
  if (mismatch === undefined) return { path, text, expected }
  const others = own.length < all.length ? summedFiles(folder, all) : undefined
  if (others !== undefined && mismatchOf(text, others) === undefined) return { path, text, expected: sumText(others) }
  return { path, text, expected, mismatch }
}

function summedFiles(folder: Folder, names: readonly string[]): SummedFile[] | undefined {
  const files: SummedFile[] = []
  for (const name of names) {
    const bytes = folder.bytes(name)
    if (bytes === undefined) return undefined
    files.push({ name, bytes })
  }
  return files
}

/** What Atlas writes into the integrity file of these files. Source: `sql/migrate/dir.go`, HashFile. */
export function sumText(files: readonly SummedFile[]): string {
  const lines = sumLines(files)
  return `h1:${total(lines)}\n${lines.map(({ name, hash }) => `${name} h1:${hash}\n`).join('')}`
}

/** What is wrong with the text of an integrity file, as Atlas would find it; undefined when nothing is. */
export function mismatchOf(text: string, files: readonly SummedFile[]): SumMismatch | undefined {
  const [first = '', ...rest] = text.replace(/\n$/, '').split('\n')
  const written: SumLine[] = []
  for (const [index, line] of rest.entries()) {
    const at = line.indexOf('h1:')
    if (at === -1) return { kind: 'malformed', line: index + 2 }
    written.push({ name: line.slice(0, at).trim(), hash: line.slice(at + 3) })
  }
  if (first.replace(/^h1:/, '') !== total(written)) return { kind: 'total', line: 1 }
  return firstDifference(written, sumLines(files))
}

function firstDifference(written: readonly SumLine[], actual: readonly SumLine[]): SumMismatch | undefined {
  for (const [index, { name, hash }] of written.entries()) {
    const here = actual[index]
    if (here?.name === name && here.hash === hash) continue
    const line = index + 2
    if (here?.name === name) return { kind: 'edited', line, file: name }
    const isThere = actual.some((file) => file.name === name)
    return isThere && here !== undefined
      ? { kind: 'added', line, file: here.name }
      : { kind: 'removed', line, file: name }
  }
  const added = actual[written.length]
  return added && { kind: 'added', line: written.length + 2, file: added.name }
}

/** A file that asks for it with its first line counts by its name alone, and has no line. */
const isIgnored = /^[ -~]*atlas:sum +ignore(?:\n|$)/

function sumLines(files: readonly SummedFile[]): SumLine[] {
  const running = createHash('sha256')
  return files.flatMap(({ name, bytes }) => {
    running.update(name)
    const head = Buffer.from(bytes.subarray(0, 512)).toString('latin1')
    if (isIgnored.test(head)) return []
    running.update(bytes)
    return [{ name, hash: running.copy().digest('base64') }]
  })
}

function total(lines: readonly SumLine[]): string {
  const hash = createHash('sha256')
  for (const line of lines) hash.update(line.name + line.hash)
  return hash.digest('base64')
}
