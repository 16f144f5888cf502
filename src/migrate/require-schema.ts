import { escapeIdentifier } from 'pg'
import { KeiError, exitCodes, failure, usageError } from '../errors.ts'
import { connect } from '../postgres/connect/connect.ts'
import { resolveConnection } from '../postgres/connect/resolve.ts'
import { readSurroundings } from '../postgres/connect/surroundings.ts'
import { sqlStateOf } from './database-refusal.ts'
import { defaultSettings } from './run-request.ts'

/** What `requireSchema` needs of a driver: a Client or a Pool of pg has it. */
export interface QueryRunner {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

export interface SchemaRequirement {
  /** The version of the newest migration that the application needs, as its file's name begins. */
  version: string
  /** Schema of the history. Default: `kei`. */
  schema?: string
  /** The application's own. Default: a session of kei's own, by `url`. */
  client?: QueryRunner
  /** A connection string. Default: KEI_DATABASE_URL, DATABASE_URL, the PG* variables, as kei's commands. */
  url?: string
}

/**
 * Makes sure, when an application starts, that the database has the schema it was written for: the version is applied,
 * as a whole. Later ones may be there too. With a `client` it is one query that takes no lock, through a pooler and on a
 * standby too. Whether every migration before the version is applied is not asked: `kei migrate up` sees to that.
 *
 * @throws KeiError `schema-behind` and `schema-missing` (exit 1), `schema-version-not-permitted`, `invalid-version`, those
 * of `connect` where there is no `client`, and otherwise the client's errors
 */
export async function requireSchema(requirement: SchemaRequirement): Promise<void> {
  const { version, schema = defaultSettings.schema, client, url } = requirement
  if (!/^\d+$/.test(version)) {
    throw usageError({
      code: 'invalid-version',
      message: `${JSON.stringify(version)} is not the version of a migration.`,
      hint: 'A version is the digits that the name of a migration file begins with.',
    })
  }
  if (client !== undefined) return check(client, version, schema)
  const given = url === undefined ? undefined : ({ name: 'url', text: url, by: 'user' } as const)
  const session = await connect(resolveConnection(readSurroundings(), given), { applicationName: 'kei/require-schema' })
  try {
    await check(session.client, version, schema)
  } finally {
    await session.client.end()
  }
}

interface Found {
  applied: boolean
  newest: string | null
  standby: boolean
  /** Seconds since the transaction that a standby replayed last; null when it has replayed none. */
  age: number | null
}

async function check(client: QueryRunner, version: string, schema: string): Promise<void> {
  const { rows } = await client
    .query(
      `WITH applied AS MATERIALIZED (SELECT version FROM ${escapeIdentifier(schema)}.schema_version)
       SELECT EXISTS (SELECT FROM applied WHERE version::numeric = $1::numeric) AS applied,
              (SELECT version FROM applied ORDER BY version::numeric DESC LIMIT 1) AS newest,
              pg_catalog.pg_is_in_recovery() AS standby,
              EXTRACT(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())::float8 AS age`,
      [version],
    )
    .catch(async (error: unknown) => {
      throw (await refusalOf(client, schema, error)) ?? error
    })
  const found = rows[0] as Found | undefined
  if (found === undefined) throw new Error('the query for the schema version gave no row')
  if (!found.applied) throw behind(version, found)
}

function behind(version: string, { newest, standby, age }: Found): KeiError {
  const has = newest === null ? 'no migration is applied' : `the newest that is applied is ${newest}`
  const replayed =
    age === null ? '' : ` The last transaction that it replayed is ${Math.max(0, Math.round(age))} s old.`
  return new KeiError({
    code: 'schema-behind',
    message: standby
      ? `The replica is behind: migration ${version} is not applied there, ${has}.${replayed}`
      : `The schema is behind: migration ${version} is not applied, ${has}.`,
    hint: standby
      ? 'Start again when the replica has caught up. If the primary lacks it too, run `kei migrate up` there first.'
      : 'Run `kei migrate up` before the application starts; `kei migrate status` shows what is missing.',
    exitCode: exitCodes.answerIsNo,
  })
}

async function refusalOf(client: QueryRunner, schema: string, error: unknown): Promise<KeiError | undefined> {
  const state = sqlStateOf(error)
  const place = escapeIdentifier(schema)
  if (state === '42501') {
    return failure({
      code: 'schema-version-not-permitted',
      message: `The application's role may not read ${place}.schema_version.`,
      hint: `Its owner runs: GRANT USAGE ON SCHEMA ${place} TO PUBLIC; GRANT SELECT ON ${place}.schema_version TO PUBLIC;`,
      cause: error,
    })
  }
  if (state !== '42P01' && state !== '3F000') return undefined
  const standby = await isStandby(client)
  return new KeiError({
    code: 'schema-missing',
    message: `There is no ${place}.schema_version${standby ? ' on this replica' : ' in this database'}: kei has not migrated it.`,
    hint: standby
      ? 'Start again when the replica has caught up. If the primary lacks it too, run `kei migrate up` there first.'
      : 'Run `kei migrate up` (or `kei migrate baseline`) before the application starts, or check which database this is.',
    exitCode: exitCodes.answerIsNo,
    cause: error,
  })
}

async function isStandby(client: QueryRunner): Promise<boolean> {
  try {
    const { rows } = await client.query('SELECT pg_catalog.pg_is_in_recovery() AS standby', [])
    return (rows[0] as { standby: boolean } | undefined)?.standby === true
  } catch {
    return false
  }
}
