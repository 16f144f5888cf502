import { join } from 'node:path'
import { escapeIdentifier } from 'pg'
import { usageError } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../postgres/connect/resolve.ts'
import { newMigration } from '../project/layouts/new-migration.ts'
import { makeFolder, writeWhole } from '../project/write-whole.ts'
import { loadParser } from '../sql/parse.ts'
import { readStates } from './applied-states.ts'
import { readDump } from './dump-text.ts'
import { dumpSchema } from './pg-dump.ts'
import { readOtherHistories } from '../postgres/catalog/other-histories.ts'
import { readProviderObjects } from '../postgres/catalog/providers.ts'
import { readOnly } from '../postgres/read-only.ts'
import type { MigrationFiles } from './read-migrations.ts'

export interface BaselineFileOptions {
  /** `migrations` must be empty. */
  source: Pick<MigrationFiles, 'root' | 'folder' | 'migrations'>
  /** Of the history. */
  schema: string
  /** With the server itself, not through a pooler; the caller ends it. */
  session: Session
  /** What the session was opened by. */
  resolved: ResolvedConnection
  /** The text is made, and nothing is written. Default: false. */
  dryRun?: boolean
  signal?: AbortSignal
}

/** The schema of a database as its first migration. */
export interface BaselineFile {
  version: string
  name: string
  /** Relative to the root. */
  file: string
  text: string
  written: boolean
  /** What was left out, each as a sentence. */
  notices: string[]
}

/**
 * Writes the schema of a database that was there before its files as the first file, by pg_dump. To note it as applied
 * is left to `baseline`.
 *
 * Left out: kei's schema and providers', members of extensions, owners, grants, subscriptions, user mappings.
 * @throws KeiError `folder-not-empty`, `history-not-empty`, `nothing-to-dump`, `cannot-write`, and those of
 * `dumpSchema` and `readDump`
 */
export async function writeBaseline(options: BaselineFileOptions): Promise<BaselineFile> {
  const { source, schema, session, resolved, dryRun = false, signal } = options
  refuseFiles(source)
  const { client, server } = session
  if ((await readStates(client, schema)).size > 0) throw historyNotEmpty(server.database, schema)
  const { provided, others } = await readOnly(client, async () => ({
    provided: await readProviderObjects(client),
    others: await readOtherHistories(client),
  }))
  const schemas = [schema, ...provided.schemas, ...others.schemas]
  const dump = await dumpSchema(session, resolved, { schemas, relations: others.names }, signal)
  const { text, notices } = readDump(await loadParser(), dump, { schemas, extensions: provided.extensions })
  if (text === '') throw nothingToDump(server.database)
  const [file] = newMigration({ layout: 'kei', path: source.folder }, undefined, {
    name: 'baseline',
    up: `-- The schema as it was before its migrations, from PostgreSQL ${server.version}.\n\n${text}`,
    down: '',
    outsideTransaction: false,
  })
  if (file === undefined) throw new Error('a migration has a file')
  if (!dryRun) {
    makeFolder(join(source.root, source.folder))
    writeWhole(join(source.root, file.file), file.text)
  }
  const [, version = '', name = ''] = /(\d+)_(\w+)\.sql$/.exec(file.file) ?? []
  return { version, name, file: file.file, text: file.text, written: !dryRun, notices: [...others.notices, ...notices] }
}

function refuseFiles({ folder, migrations }: BaselineFileOptions['source']): void {
  const [first] = migrations
  if (first === undefined) return
  throw usageError({
    code: 'folder-not-empty',
    message: `${folder} has migrations already (${first.up.file}), so the schema is not written as its first one.`,
    hint: `To take files as applied without running them: \`kei migrate baseline VERSION\`.`,
  })
}

function historyNotEmpty(database: string, schema: string): Error {
  return usageError({
    code: 'history-not-empty',
    message: `The database ${database} has a history of kei's already (${escapeIdentifier(schema)}.history).`,
    hint: 'See it with `kei migrate status`; bring its files back from version control.',
  })
}

function nothingToDump(database: string): Error {
  return usageError({
    code: 'nothing-to-dump',
    message: `The database ${database} has nothing to write: no table, no type, no function.`,
    hint: 'Begin with `kei migrate new NAME`.',
  })
}
