import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { Config } from '../config/config.ts'
import { usageError } from '../errors.ts'
import { findFolders } from '../project/find-folders.ts'
import type { Candidate, FolderChoice } from '../project/find-folders.ts'
import { joinPath } from '../project/folder.ts'
import { isDownFile } from '../project/layouts/layout.ts'
import type { Folder } from '../project/folder.ts'
import type { MigrationFile, MigrationFolder, Section } from '../project/migration-file.ts'
import { readFolder, refuseOtherDatabase, supportedTools } from '../project/read-folder.ts'
import { readHeader } from '../sql/file-header.ts'
import { checksumOf } from './checksum.ts'
import { canonicalVersion } from './fold.ts'
import type { Migration, MigrationText } from './migration.ts'

export interface ReadMigrationsOptions {
  /** A folder to look in. Default: the working directory. */
  path?: string
  workingDirectory: string
  /** Chooses among the folders that `kei.jsonc` names, by their `target`. */
  target?: string
  /**
   * Down files are not read, and the migrations have none: for a command that only goes up, of which a folder of
   * thousands is quick this way. Default: false.
   */
  withoutDown?: boolean
  /** A folder without migrations will do, and one that is not there yet: for a command that writes the first one. */
  mayBeEmpty?: boolean
}

/** The folder that the runner runs. */
export interface MigrationFiles {
  /** Real absolute path; all paths are relative to it. */
  root: string
  /** Path of the folder; with `mayBeEmpty` it may have to be made. */
  folder: string
  config: Config
  /** In the order of their versions, no version twice. */
  migrations: Migration[]
}

/**
 * Finds the one folder of kei's layout that `path` stands for, and reads it. Runs no git and loads no parser.
 *
 * @throws KeiError, all exit 2: those of `findFolders`; `not-a-folder`, `no-migrations-found`, `several-folders`,
 * `no-folder-for-target`, `other-tools-folder`, `not-postgresql`, `layout-mismatch`; and for the files, all in one error
 * with file and line: `duplicate-version`, `bad-header`, `unrecognised-name`, `down-without-up` and what `readSource`
 * gives; `bad-migration-files` when they are of several kinds.
 */
export async function readMigrations(options: ReadMigrationsOptions): Promise<MigrationFiles> {
  const { path = '.', workingDirectory, target, withoutDown = false, mayBeEmpty = false } = options
  const asked = resolve(workingDirectory, path)
  const there = mayBeEmpty ? existing(asked) : asked
  const choice = await findFolders(there, workingDirectory)
  const { root, config, only, lookedIn } = choice
  if (only !== undefined) throw notAFolder(only)
  if (there !== asked) {
    const folder = relative(root, join(realpathSync(there), relative(there, asked)))
    return { root, folder: folder.split(sep).join('/'), config, migrations: [] }
  }

  const chosen = chooseOne(choice, target)
  const folder = chosen === undefined ? undefined : read(chosen, withoutDown)
  if (folder !== undefined) return { root, folder: folder.path, config, migrations: migrationsOf(folder) }
  if (!mayBeEmpty) throw nothingToRun(chosen === undefined ? lookedIn : chosen.found.folder.path)
  const empty = chosen?.found.folder.path ?? newFolder(root, realpathSync(asked), options.path !== undefined)
  return { root, folder: empty, config, migrations: [] }
}

/** The path itself, or the nearest folder above it that is there. */
function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path))
}

/** Where migrations begin in a project that has none: in the folder that was named, else in `migrations`. */
function newFolder(root: string, start: string, isNamed: boolean): string {
  const path = relative(root, start).split(sep).join('/') || '.'
  return isNamed || basename(start) === 'migrations' ? path : joinPath(path, 'migrations')
}

/** Undefined when there is none, and none of another tool either. */
function chooseOne({ candidates, config }: FolderChoice, target: string | undefined): Candidate | undefined {
  const meant = target === undefined ? candidates : ofTarget(candidates, target)
  const own = meant.filter((candidate) => ownerOf(candidate) === 'kei')
  const [chosen, another] = own
  if (another !== undefined) throw severalFolders(own, config)
  if (chosen !== undefined) return chosen
  const others = meant.filter((candidate) => ownerOf(candidate) === 'other')
  if (others.length > 0) throw otherTools(others)
  const empty = meant.filter(({ byName }) => byName)
  if (empty.length > 1) throw severalFolders(empty, config)
  return empty[0]
}

/** Folders without a target are for every target that has none of its own. */
function ofTarget(candidates: readonly Candidate[], target: string): readonly Candidate[] {
  const own = candidates.filter((candidate) => candidate.target === target)
  if (own.length > 0) return own
  const open = candidates.filter((candidate) => candidate.target === undefined)
  if (open.length > 0 || candidates.length === 0) return open
  throw usageError({
    code: 'no-folder-for-target',
    message: `kei.jsonc names no migration folder for the target ${target}`,
    hint: `Give one of its \`migrations\` the key "target": ${JSON.stringify(target)}.`,
  })
}

function ownerOf({ found, layout, byName }: Candidate): 'kei' | 'other' | 'nobody' {
  if (!byName && refuseOtherDatabase(found.folder.path) !== undefined) return 'other'
  const { recognition } = found
  if (layout !== undefined) return layout === 'kei' ? 'kei' : 'other'
  if (recognition?.kind === 'layout') return recognition.layout.name === 'kei' ? 'kei' : 'other'
  // Numbered files of no layout are somebody's; `readFolder` says so.
  return recognition !== undefined || found.folder.files.some((name) => /^\d.*\.sql$/i.test(name)) ? 'other' : 'nobody'
}

function read({ found, layout }: Candidate, withoutDown: boolean): MigrationFolder | undefined {
  const reading = readFolder(withoutDown ? { ...found, folder: withoutDownFiles(found.folder) } : found, layout)
  if (reading?.kind === 'refused') throw usageError(reading.refusal)
  if (reading === undefined) return undefined
  const { folder } = reading
  // A file system that ignores case takes them for the same as the others; reading them would depend on it.
  const shouting = found.folder.files.filter((name) => /^\d.*\.sql$/i.test(name) && !name.endsWith('.sql'))
  const unreadable = shouting.map((name) => ({
    path: joinPath(folder.path, name),
    code: 'unrecognised-name',
    message: 'The file is not named <version>_<name>.sql, so it is no migration',
  }))
  return { ...folder, unreadable: [...folder.unreadable, ...unreadable] }
}

/** A down file without its up file stays: it is a mistake in every direction. */
function withoutDownFiles(folder: Folder): Folder {
  const names = new Set(folder.files)
  return { ...folder, files: folder.files.filter((name) => !isDownFile(name, names)) }
}

/** What is wrong with a file. */
interface FileProblem {
  file: string
  code: string
  message: string
  line?: number
}

function migrationsOf({ migrations, unreadable }: MigrationFolder): Migration[] {
  const problems: FileProblem[] = unreadable.map(({ path, ...problem }) => ({ file: path, ...problem }))
  const read = migrations.map((migration) => migrationOf(migration, problems))
  for (const [index, { version, up }] of read.entries()) {
    const before = read[index - 1]
    if (before === undefined || canonicalVersion(before.version) !== canonicalVersion(version)) continue
    problems.push({
      file: up.file,
      code: 'duplicate-version',
      message: `the version ${version} is that of ${before.up.file} too`,
    })
  }
  if (problems.length > 0) throw badFiles(problems)
  return read
}

function migrationOf({ version, name, up, down }: MigrationFile, problems: FileProblem[]): Migration {
  const upText = textOf(up, problems)
  if (down === undefined) return { version, name, up: upText }
  const downText = textOf(down, problems)
  const refuse = (file: string, message: string) => problems.push({ file, code: 'bad-header', message })
  if (downText.header.irreversible !== undefined) refuse(down.file, '`-- kei: irreversible` belongs into the up file')
  else if (upText.header.irreversible !== undefined) refuse(up.file, `it says irreversible, but ${down.file} is there`)
  return { version, name, up: upText, down: downText }
}

function textOf({ file, text }: Section, problems: FileProblem[]): MigrationText {
  const { header, problems: found } = readHeader(text)
  problems.push(...found.map((problem) => ({ file, code: 'bad-header', ...problem })))
  return { file, text, header, checksum: checksumOf(text, header) }
}

const hints: Readonly<Record<string, string>> = {
  'duplicate-version': 'Rename the files of the newer one to a version after the last.',
  'bad-header': 'Correct the header lines; there are `irreversible REASON`, `transaction none` and `lock-timeout 5s`.',
  'unrecognised-name': 'Rename the file, or move it out of the folder.',
  'too-large': 'Split the file at a statement: a migration changes the schema, and rows come another way.',
  'down-without-up': 'Rename it as its up file is named, or remove it.',
}

function badFiles(problems: FileProblem[]): Error {
  const inOrder = problems.sort((a, b) =>
    a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1,
  )
  const [code = 'bad-migration-files', ...others] = new Set(inOrder.map((problem) => problem.code))
  const lines = inOrder.map(({ file, line, message }) => `${file}:${line === undefined ? '' : `${line}:`} ${message}`)
  return usageError({
    code: others.length > 0 ? 'bad-migration-files' : code,
    message: lines.join('\n'),
    hint: (others.length === 0 && hints[code]) || 'Correct these files. Nothing was run.',
  })
}

function notAFolder(file: string): Error {
  return usageError({
    code: 'not-a-folder',
    message: `${file} is a file: the runner runs a folder`,
    hint: 'Give the folder that it is in. `--to VERSION` is how to stop at one file.',
  })
}

function nothingToRun(lookedIn: string): Error {
  return usageError({
    code: 'no-migrations-found',
    message: `No migrations of kei in ${lookedIn}`,
    hint:
      'Write the first one with `kei migrate new NAME`; or name the folder in kei.jsonc: ' +
      '{ "migrations": [{ "dir": "…" }] }.',
  })
}

function severalFolders(candidates: readonly Candidate[], { targets }: Config): Error {
  const names = Object.keys(targets)
  return usageError({
    code: 'several-folders',
    message: `There are several migration folders: ${candidates.map(({ found }) => found.folder.path).join(', ')}`,
    hint:
      'Name one with `--dir DIR`; or say in kei.jsonc which target each is for, ' +
      '{ "migrations": [{ "dir": "…", "target": "…" }] }, and name the target' +
      `${names.length === 0 ? '' : ` (${names.join(', ')})`} with \`--target NAME\`.`,
  })
}

function otherTools(candidates: readonly Candidate[]): Error {
  const [first] = candidates
  const named = candidates.flatMap(({ found: { folder, recognition }, layout }) => {
    const tool = layout ?? (recognition?.kind === 'other-tool' ? recognition.tool : recognition?.layout.name)
    if (tool === undefined || tool === 'kei') return []
    return [`${folder.path} is laid out for ${tool}${recognition === undefined ? '' : ` (${recognition.mark})`}`]
  })
  if (first === undefined || named.length === 0) return refusalOf(first)
  const { folder, recognition } = first.found
  const entry = `{ "migrations": [{ "dir": ${JSON.stringify(folder.path)}, "layout": "kei" }] }`
  return usageError({
    code: 'other-tools-folder',
    message: `${named.join('\n  ')}\n  kei migrate runs its own layout only; adoption of another tool's history comes later`,
    hint:
      `Go on with that tool; \`kei check\` reads ${supportedTools}.` +
      (recognition?.certainty === 'names' ? ` If these are kei's, say so in kei.jsonc: ${entry}.` : ''),
  })
}

/** Of a folder for another database by its name, or of numbered files of no layout. */
function refusalOf(candidate: Candidate | undefined): Error {
  if (candidate === undefined) return nothingToRun('this folder')
  const { found, byName } = candidate
  const refusal = byName ? undefined : refuseOtherDatabase(found.folder.path)
  const reading = readFolder(found)
  if (refusal !== undefined) return usageError(refusal)
  return reading?.kind === 'refused' ? usageError(reading.refusal) : nothingToRun(found.folder.path)
}
