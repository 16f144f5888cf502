import type { Folder } from '../folder.ts'
import type { MigrationFile, MigrationFolder, UnreadableFile } from '../migration-file.ts'
import { migrationOf, readInto, refusedFile, wholeFile } from './layout.ts'
import type { Layout } from './layout.ts'

const lockFile = 'migration_lock.toml'
const scriptName = 'migration.sql'

/**
 * Prisma Migrate: `<14 digits>_<name>/migration.sql`, in the order of the folders' names, and `migration_lock.toml`.
 * The folder's whole name is the version: it is what Prisma's history table holds, and two migrations may share a
 * timestamp. Each script is sent whole, as one simple query, with no transaction of its own.
 */
export const prisma: Layout = {
  name: 'prisma',
  mark(folder) {
    if (folder.files.includes(lockFile)) return lockFile
    const script = folder.folders.find((name) => /^\d{14}_/.test(name) && folder.has(`${name}/${scriptName}`))
    return script && `${script}/${scriptName}`
  },
  read: readFolder,
}

function readFolder(folder: Folder): MigrationFolder {
  const migrations: MigrationFile[] = []
  const unreadable: UnreadableFile[] = []
  for (const version of folder.folders) {
    if (version.startsWith('.')) continue
    if (!folder.has(`${version}/${scriptName}`)) {
      const message = `The folder has no ${scriptName}, so Prisma refuses the whole history (P3015)`
      unreadable.push(refusedFile(folder, version, 'missing-script', message))
      continue
    }
    const file = readInto(unreadable, folder, `${version}/${scriptName}`)
    if (file === undefined) continue
    const name = version.replace(/^\d+_/, '')
    migrations.push(
      migrationOf('prisma', file, { version, name, up: wholeFile(file, 'simple-query'), down: undefined }),
    )
  }
  return { layout: 'prisma', path: folder.path, migrations, unreadable, code: [] }
}

/** The provider in `migration_lock.toml` when it is another database than PostgreSQL. */
export function otherProvider(folder: Folder): string | undefined {
  if (!folder.files.includes(lockFile)) return undefined
  const reading = folder.read(lockFile)
  if (reading.kind === 'unreadable') return undefined
  const provider = /^\s*provider\s*=\s*["']([^"'\n]*)["']/m.exec(reading.file.text)?.[1]
  return provider === undefined || provider === 'postgresql' || provider === 'postgres' ? undefined : provider
}
