import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, UnreadableFile } from '../migration-file.ts'
import {
  compareVersions,
  inOrder,
  looksLikeMigration,
  migrationOf,
  readInto,
  refusedFile,
  wholeFile,
} from './layout.ts'
import type { Layout } from './layout.ts'

/** The tool's own pattern, for `.sql` alone: other extensions are for other databases. */
const fileName = /^(\d+)_(.*)\.(up|down)\.sql$/
const greatestVersion = '18446744073709551615'

interface FileName {
  entry: string
  version: string
  name: string
}

/**
 * golang-migrate: `<version>_<name>.up.sql` and `.down.sql`, the version an unsigned 64-bit number. Each file is sent
 * whole, as one simple query, with no transaction of its own.
 */
export const golangMigrate: Layout = {
  name: 'golang-migrate',
  mark: (folder) => folder.files.find((name) => fileName.exec(name)?.[3] === 'up'),
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  const ups = new Map<string, FileName[]>()
  const downs = new Map<string, FileName[]>()
  for (const entry of folder.files) {
    const [, version, name, direction] = fileName.exec(entry) ?? []
    if (version === undefined || name === undefined || compareVersions(version, greatestVersion) > 0) {
      if (!looksLikeMigration(entry)) continue
      const message = 'The file is not named <version>_<name>.up.sql or .down.sql, so golang-migrate passes over it'
      unreadable.push(refusedFile(folder, entry, 'unrecognised-name', message))
      continue
    }
    const ofVersion = direction === 'up' ? ups : downs
    ofVersion.set(version, [...(ofVersion.get(version) ?? []), { entry, version, name }])
  }

  for (const { entry, version, name } of [...ups.values()].flat()) {
    const file = readInto(unreadable, folder, entry)
    if (file === undefined) continue
    // The version makes the pair. Where a version stands twice, which the tool refuses, the name tells them apart.
    const candidates = downs.get(version) ?? []
    const downName = candidates.find((candidate) => candidate.name === name) ?? candidates[0]
    const down = downName && readInto(unreadable, folder, downName.entry)
    migrations.push(
      migrationOf('golang-migrate', file, {
        version,
        name,
        up: wholeFile(file, 'simple-query'),
        down: down && wholeFile(down, 'simple-query'),
      }),
    )
  }
  for (const { entry, version } of [...downs.values()].flat()) {
    if (ups.has(version)) continue
    unreadable.push(refusedFile(folder, entry, 'down-without-up', 'The file has no .up.sql of its version beside it'))
  }
  return { layout: 'golang-migrate', path: folder.path, migrations: inOrder(migrations), unreadable, code: [] }
}
