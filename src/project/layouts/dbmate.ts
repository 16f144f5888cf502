import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, Section, UnreadableFile } from '../migration-file.ts'
import { fileWith, migrationOf, readInto } from './layout.ts'
import type { Layout } from './layout.ts'

const fileName = /^(\d+)(.*)\.sql$/

/**
 * dbmate: `<version>_<name>.sql` with a section for each direction, in the order of the names as text. The version is
 * the digits that the name begins with, and a text too: 1 and 01 are two. A section is sent as one string, in a
 * transaction unless it says `transaction:false`.
 */
export const dbmate: Layout = {
  name: 'dbmate',
  mark(folder) {
    const name = fileWith(folder, /^--[ \t]*migrate:up\b/m, ['migrate:up'])
    return name && `\`-- migrate:up\` in ${name}`
  },
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  for (const entry of folder.files) {
    const [, version, rest] = fileName.exec(entry) ?? []
    if (version === undefined || rest === undefined) continue
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    const script = readScript(file.text, file.path)
    if ('refused' in script) {
      unreadable.push({ path: file.path, code: 'bad-annotation', ...script.refused })
      continue
    }
    migrations.push(migrationOf('dbmate', file, { version, name: rest.replace(/^_/, ''), ...script }))
  }
  return { layout: 'dbmate', path: folder.path, migrations, unreadable, code: [] }
}

type Script = { up: Section; down: Section } | { refused: { message: string; line: number } }

const directive = /^--[\t\n\f\r ]*migrate:(up|down)(?:[\t\n\f\r ]*$|[\t\n\f\r ]+\S+)/gm

/** Reads the sections as dbmate 2.35 does. Source: `pkg/dbmate/migration.go`. */
function readScript(text: string, path: string): Script {
  const found = [...text.matchAll(directive)].map(({ index, 1: direction }) => ({ start: index, direction }))
  const ups = found.filter(({ direction }) => direction === 'up')
  const downs = found.filter(({ direction }) => direction === 'down')
  const [up] = ups
  const [down] = downs
  const refuse = (at: number, what: string): Script => ({
    refused: { message: `dbmate refuses the file: ${what}`, line: lineOf(text, at) },
  })
  if (up === undefined) return refuse(0, 'no `-- migrate:up`')
  const before = text.slice(0, up.start).split('\n')
  if (before.some((line) => !/^\s*(?:--|$)/.test(line))) return refuse(0, 'text before `-- migrate:up`')
  const [, second] = ups
  if (second !== undefined) {
    const line = lineOf(text, second.start)
    const message =
      'dbmate stops in the middle of the file: it notes the version once more for the second `-- migrate:up`, which ' +
      'PostgreSQL refuses (23505)'
    return { refused: { message, line } }
  }
  if (down === undefined) return refuse(up.start, 'no `-- migrate:down`')
  if (down.start < up.start) return refuse(down.start, '`-- migrate:down` before `-- migrate:up`')
  if (downs[1] !== undefined) return refuse(downs[1].start, 'a second `-- migrate:down`')
  return { up: sectionOf(text, path, up.start, down.start), down: sectionOf(text, path, down.start, text.length) }
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

/** The section behind the line of its directive. */
function sectionOf(text: string, file: string, at: number, end: number): Section {
  const newline = text.indexOf('\n', at)
  const start = newline === -1 || newline >= end ? end : newline + 1
  const options = text.slice(at, start).split(/[\t\n\f\r ]+/)
  const transaction = options.findLast((option) => /^transaction:[^:]*$/.test(option))
  const mode = transaction === 'transaction:false' ? 'simple-query' : 'transaction-query'
  return { file, text: text.slice(start, end), start, mode }
}
