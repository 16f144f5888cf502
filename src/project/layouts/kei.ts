import { readHeader } from '../../sql/file-header.ts'
import type { TransactionMode } from '../../sql/transactions.ts'
import type { SourceFile } from '../files.ts'
import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, UnreadableFile } from '../migration-file.ts'
import { inOrder, looksLikeMigration, migrationOf, readInto, refusedFile, wholeFile } from './layout.ts'
import type { Layout } from './layout.ts'

const fileName = /^(\d+)_(.+)\.sql$/
const downSuffix = '.down.sql'

/**
 * kei's own: `<version>_<name>.sql`, with an optional `<version>_<name>.down.sql`. The version is 14 digits (UTC, to
 * the second) or any other number; the order is by number.
 */
export const kei: Layout = {
  name: 'kei',
  mark: (folder) => folder.files.find((name) => fileName.test(name) && !name.endsWith(downSuffix)),
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  const names = new Set(folder.files)
  for (const entry of folder.files) {
    const [, version, name] = fileName.exec(entry) ?? []
    if (version === undefined || name === undefined) {
      if (!looksLikeMigration(entry)) continue
      const message = 'The file is not named <version>_<name>.sql, so it is no migration'
      unreadable.push(refusedFile(folder, entry, 'unrecognised-name', message))
      continue
    }
    if (entry.endsWith(downSuffix)) {
      const up = `${entry.slice(0, -downSuffix.length)}.sql`
      if (names.has(up)) continue
      unreadable.push(refusedFile(folder, entry, 'down-without-up', `The file has no ${up} beside it`))
      continue
    }
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    const downName = `${version}_${name}${downSuffix}`
    const down = names.has(downName) ? readInto(unreadable, folder, downName) : undefined
    migrations.push(
      migrationOf('kei', file, {
        version,
        name,
        up: wholeFile(file, modeOf(file)),
        down: down && wholeFile(down, modeOf(down)),
      }),
    )
  }
  return { layout: 'kei', path: folder.path, migrations: inOrder(migrations), unreadable, code: [] }
}

function modeOf({ text }: SourceFile): TransactionMode {
  return readHeader(text).header.transaction === 'none' ? 'statement' : 'grouped'
}
