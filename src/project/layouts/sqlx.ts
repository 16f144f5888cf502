import type { SourceFile } from '../files.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, Section, UnreadableFile } from '../migration-file.ts'
import { compareVersions, fileWith, inOrder, migrationOf, readInto, refusedFile, wholeFile } from './layout.ts'
import type { Layout } from './layout.ts'

const fileName = /^([^_]*)_(.*?)(\.up|\.down)?\.sql$/
const greatestVersion = '9223372036854775807'
const noTransaction = '-- no-transaction'

/**
 * sqlx: `<version>_<name>.sql`, or `.up.sql` and `.down.sql`, the version a signed 64-bit number, in the order of the
 * numbers. Each file is sent whole, as one string, in a transaction unless its first characters are
 * `-- no-transaction`.
 *
 * The names are those of kei and of golang-migrate too, so only that line shows from within whose the folder is.
 */
export const sqlx: Layout = {
  name: 'sqlx',
  mark(folder) {
    const name = fileWith(folder, /^-- no-transaction/, [noTransaction])
    return name && `\`${noTransaction}\` in ${name}`
  },
  read: readFolder,
}

/** What stands beside a folder of numbered files of sqlx's: its settings, its prepared queries, a crate of Rust's. */
export function besideSqlx(folder: Folder): string | undefined {
  const near = ['sqlx.toml', '.sqlx', 'Cargo.toml'].find((name) => folder.has(`../${name}`))
  if (near !== undefined) return near
  const above = folder.open('../..')
  return above && ['sqlx.toml', '.sqlx'].find((name) => above.has(name))
}

interface FileName {
  entry: string
  version: string
  name: string
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  const ups = new Map<string, FileName[]>()
  const downs = new Map<string, FileName[]>()
  for (const entry of folder.files) {
    const [, version, name, direction] = fileName.exec(entry) ?? []
    if (version === undefined || name === undefined) {
      if (!/^\d.*\.sql$/.test(entry)) continue
      const message = 'The file is not named <version>_<name>.sql, so sqlx passes over it'
      unreadable.push(refusedFile(folder, entry, 'unrecognised-name', message))
    } else if (!/^\d+$/.test(version) || compareVersions(version, greatestVersion) > 0) {
      const message = 'The name does not begin with a 64-bit number and `_`, so sqlx refuses the whole folder'
      unreadable.push(refusedFile(folder, entry, 'unrecognised-name', message))
    } else {
      const ofVersion = direction === '.down' ? downs : ups
      const number = withoutZeros(version)
      ofVersion.set(number, [...(ofVersion.get(number) ?? []), { entry, version, name }])
    }
  }

  for (const { entry, version, name } of [...ups.values()].flat()) {
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    const candidates = downs.get(withoutZeros(version)) ?? []
    const downName = candidates.find((candidate) => candidate.name === name) ?? candidates[0]
    const down = downName && readInto(unreadable, folder, downName.entry)
    migrations.push(migrationOf('sqlx', file, { version, name, up: script(file), down: down && script(down) }))
  }
  for (const { entry, version } of [...downs.values()].flat()) {
    if (ups.has(withoutZeros(version))) continue
    unreadable.push(refusedFile(folder, entry, 'down-without-up', 'The file has no up file of its version beside it'))
  }
  return { layout: 'sqlx', path: folder.path, migrations: inOrder(migrations), unreadable, code: [] }
}

function withoutZeros(version: string): string {
  return version.replace(/^0+(?=\d)/, '')
}

function script(file: SourceFile): Section {
  const isOutside = file.text.startsWith(noTransaction) && !file.normalised.byteOrderMark
  return wholeFile(file, isOutside ? 'simple-query' : 'transaction-query')
}
