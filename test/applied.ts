import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { defaultConfig } from '../src/config/config.ts'
import { checksumOf, statementHash } from '../src/migrate/checksum.ts'
import { readHeader } from '../src/sql/file-header.ts'
import { openHistory } from '../src/migrate/history-table.ts'
import type { Migration } from '../src/migrate/migration.ts'
import { parseMigration } from '../src/migrate/steps.ts'
import type { MigrationFiles } from '../src/migrate/read-migrations.ts'
import type { Session } from '../src/postgres/connect/connect.ts'
import { identifyServer } from '../src/postgres/connect/server.ts'
import { shadowOf, withDatabase } from './postgres.ts'
import type { Major } from './postgres.ts'
import { forget, newFolder } from './trace.ts'

/** A database to which files were applied by an ordinary role that owns it, with kei's history of them. */
export interface AppliedDatabase {
  /** The owner's own session. */
  owner: Client
  ownerName: string
  superuser: Client
  source: MigrationFiles
  /** Opens a session of the owner, for a command that ends it. */
  connect: () => Promise<Session>
}

export interface AppliedOptions {
  /** How many files, of which all are in the source, are applied. Default: all. */
  applied?: number
  /** How many statements of the next file are applied as well. Default: 0. */
  statements?: number
}

/** Applies files, `<version>_<name>.sql` and their text, as plain SQL and runs `work`. */
export async function withApplied<T>(
  major: Major,
  files: Record<string, string>,
  work: (database: AppliedDatabase) => Promise<T>,
  { applied = Object.keys(files).length, statements = 0 }: AppliedOptions = {},
): Promise<T> {
  const source = sourceOf(major, files)
  const ownerName = `owner_${process.pid}_${randomBytes(4).toString('hex')}`
  const password = randomBytes(16).toString('hex')
  try {
    return await withDatabase(major, async (superuser, database, shadow) => {
      await superuser.query(`CREATE ROLE ${ownerName} LOGIN PASSWORD '${password}'`)
      await superuser.query(`ALTER DATABASE ${database} OWNER TO ${ownerName}`)
      const open = () => shadow.connect({ database, user: ownerName, password })
      const owner = await open()
      try {
        await applyFiles(owner, source, applied, statements)
        return await work({
          owner,
          ownerName,
          superuser,
          source,
          async connect() {
            const client = await open()
            const candidate = { host: shadow.socketDirectory, port: shadow.port }
            return { client, server: await identifyServer(client), candidate, encrypted: false }
          },
        })
      } finally {
        await owner.end()
      }
    })
  } finally {
    const session = await (await shadowOf(major)).connect({ database: 'postgres' })
    await session.query(`DROP ROLE IF EXISTS ${ownerName}`)
    await session.end()
    forget(source.folder, major)
  }
}

/** Files as they would be read from a folder that no other test has. */
export function sourceOf(major: Major, files: Record<string, string>): MigrationFiles {
  const folder = newFolder()
  return {
    root: 'the tests of kei',
    config: { ...defaultConfig, postgres: { major } },
    folder,
    migrations: Object.entries(files).map(([file, text]) => migrationOf(folder, file, text)),
  }
}

/** A migration as its file would give it. */
export function migrationOf(folder: string, file: string, text: string): Migration {
  const [, version = '', name = ''] = /^(\d+)_(.+)\.sql$/.exec(file) ?? []
  const { header } = readHeader(text)
  return { version, name, up: { file: `${folder}/${file}`, text, header, checksum: checksumOf(text, header) } }
}

/** Applies the first files, and the first statements of the next, as plain SQL and with kei's history of them. */
export async function applyFiles(
  owner: Client,
  source: MigrationFiles,
  applied = source.migrations.length,
  statements = 0,
): Promise<void> {
  const history = openHistory('kei')
  await history.create(owner)
  for (const [index, { version, name, up }] of source.migrations.slice(0, applied + 1).entries()) {
    const parsed = await parseMigration(up)
    const run = index < applied ? parsed : parsed.slice(0, statements)
    if (run.length === 0) continue
    for (const { text } of run) await owner.query(text)
    const row = {
      event: 'ran',
      direction: 'up',
      version,
      name,
      first: 1,
      last: run.length,
      hashes: run.map(({ text }) => statementHash(text)),
      complete: run.length === parsed.length,
      checksum: up.checksum,
      milliseconds: 1,
    } as const
    await owner.query(history.insertion(row, '1'))
  }
}
