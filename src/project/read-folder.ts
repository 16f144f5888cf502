import type { LayoutName } from '../config/config.ts'
import type { KeiErrorDetails } from '../errors.ts'
import { readSum, sumName } from './layouts/atlas-sum.ts'
import { looksLikeMigration } from './layouts/layout.ts'
import { layoutNamed } from './layouts/layouts.ts'
import type { Recognition } from './layouts/layouts.ts'
import { otherProvider } from './layouts/prisma.ts'
import type { MigrationFolder } from './migration-file.ts'
import type { FoundFolder } from './search.ts'

/** Why a folder is not read. */
export type Refusal = Omit<KeiErrorDetails, 'exitCode' | 'cause'>

/** The tools whose layouts are read, in words. */
export const supportedTools =
  'its own layout, and those of Atlas, dbmate, Flyway, golang-migrate, goose, Prisma and sqlx'

export type FolderReading = { kind: 'folder'; folder: MigrationFolder } | { kind: 'refused'; refusal: Refusal }

/**
 * Reads a folder that was found, in `layout` where `kei.jsonc` says one. Undefined when there is nothing to read.
 * Nothing of a folder that is refused is read as a migration.
 */
export function readFolder({ folder, recognition }: FoundFolder, layout?: LayoutName): FolderReading | undefined {
  if (layout !== undefined && recognition?.certainty === 'inside' && nameOf(recognition) !== layout) {
    return refused({
      code: 'layout-mismatch',
      message: `kei.jsonc says that ${folder.path} is laid out for ${layout}, but it is for ${nameOf(recognition)} (${recognition.mark})`,
      hint: `Take \`"layout": "${layout}"\` out of kei.jsonc.`,
    })
  }
  if (layout === undefined && recognition?.kind === 'other-tool') {
    return refused({
      code: 'unsupported-layout',
      message: `${folder.path} is laid out for ${recognition.tool} (${recognition.mark}), which kei does not read yet`,
      hint: `kei reads ${supportedTools}. Give the folder of one of these as PATH.`,
    })
  }
  const provider = otherProvider(folder)
  if (provider !== undefined) {
    return refused({
      code: 'not-postgresql',
      message: `${folder.path} is for ${provider} (migration_lock.toml)`,
      hint: 'kei judges PostgreSQL. Give the folder of a PostgreSQL database.',
    })
  }
  const known = layout ?? (recognition?.kind === 'layout' ? recognition.layout.name : undefined)
  if (known === undefined) {
    const example = folder.files.find(looksLikeMigration)
    if (example === undefined) return undefined
    return refused({
      code: 'no-migrations-found',
      message: `${folder.path} has numbered .sql files, but in no layout that kei knows (for example ${example})`,
      hint: 'Name them <version>_<name>.sql, the version 14 digits or a number.',
    })
  }
  const read = layoutNamed(known).read(folder)
  const isEmpty = read.migrations.length + read.unreadable.length + read.code.length === 0
  if (isEmpty) return undefined
  const sum = known === 'atlas' || folder.files.includes(sumName) ? readSum(folder, known) : undefined
  return { kind: 'folder', folder: { ...read, ...(sum && { sum }) } }
}

/** Databases other than PostgreSQL, as folders of their migrations are named. */
const otherDatabases = new Set([
  ...['bigquery', 'cassandra', 'clickhouse', 'cockroach', 'cockroachdb', 'd1', 'db2', 'derby', 'duckdb', 'h2'],
  ...['hsqldb', 'mariadb', 'mssql', 'mysql'],
  ...['oracle', 'scylla', 'scylladb', 'snowflake', 'spanner', 'sqlite', 'sqlite3', 'sqlserver', 'turso'],
])

/** A folder that by its path is for another database: `clickhouse/migrations`, `migrations/mysql`. */
export function refuseOtherDatabase(path: string): Refusal | undefined {
  const words = path.toLowerCase().split(/[/_.-]/)
  const database = words.find((word) => otherDatabases.has(word))
  if (database === undefined || words.some((word) => /^(?:pg|postgres|postgresql)$/.test(word))) return undefined
  return {
    code: 'not-postgresql',
    message: `${path} is for ${database} by its name`,
    hint: `If it is for PostgreSQL, name it in kei.jsonc: { "migrations": [{ "dir": ${JSON.stringify(path)} }] }.`,
  }
}

function nameOf(recognition: Recognition): string {
  return recognition.kind === 'layout' ? recognition.layout.name : recognition.tool
}

function refused(refusal: Refusal): FolderReading {
  return { kind: 'refused', refusal }
}
