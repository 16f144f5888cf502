import type { Client } from 'pg'
import type { Database } from '../../findings/database.ts'
import { readOtherHistories } from '../../postgres/catalog/other-histories.ts'
import { readProviderObjects } from '../../postgres/catalog/providers.ts'
import { readCatalog } from '../../postgres/catalog/snapshot.ts'
import { connect } from '../../postgres/connect/connect.ts'
import type { Session } from '../../postgres/connect/connect.ts'
import { describeCandidate } from '../../postgres/connect/refusal.ts'
import type { ResolvedConnection } from '../../postgres/connect/resolve.ts'
import { readOnly } from '../../postgres/read-only.ts'
import { readAuthentication } from '../authentication/live.ts'
import { readSettings } from '../settings/live.ts'
import { readKeyColumns } from './columns.ts'
import { readIndexes } from './indexes.ts'
import { countStandbys, readReplicationSlots } from './replication.ts'
import { readSequences } from './sequences.ts'
import { readRights } from './rights.ts'
import { readTables } from './tables.ts'
import { readAges, readPreparedTransactions, readTransactions } from './transactions.ts'

export interface ReadDatabaseOptions {
  /** `kei/<command>`, for `pg_stat_activity`. */
  applicationName: string
  /** Bare names of schemas to leave out: kei's own. */
  leaveOut: readonly string[]
  /** Gives up when aborted; what runs on the server then is bounded by its own timeouts. */
  signal?: AbortSignal
  /** Called with what is going on. */
  onProgress?: (text: string) => void
}

/**
 * Reads a running database by one session: its catalog, statistics, activity and settings, in read-only transactions
 * that set what they need with SET LOCAL, lock nothing above ACCESS SHARE and leave nothing behind. Works through a
 * pooler in transaction mode and on a standby. What providers and other migration tools made is left out.
 * @throws KeiError those of `connect`, and `live-catalog-busy`; the reason of `signal` when it is aborted
 */
export async function readDatabase(resolved: ResolvedConnection, options: ReadDatabaseOptions): Promise<Database> {
  const { applicationName, signal, onProgress } = options
  onProgress?.('Connecting to the database')
  const session = await connect(resolved, { applicationName, ...(signal && { signal }) })
  const abandon = () => void session.client.end()
  signal?.addEventListener('abort', abandon, { once: true })
  try {
    return await readBySession(session, options)
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', abandon)
    await session.client.end()
  }
}

/** As `readDatabase`, by a session that is open and stays open. */
export async function readBySession(
  { client, server, candidate }: Session,
  { leaveOut, onProgress: say = () => undefined }: Pick<ReadDatabaseOptions, 'leaveOut' | 'onProgress'>,
): Promise<Database> {
  say("Reading the database's catalog")
  const catalog = await readOnly(client, async () => {
    const provided = await readProviderObjects(client)
    const others = await readOtherHistories(client)
    return readCatalog(client, {
      schemas: [...leaveOut, ...provided.schemas, ...others.schemas],
      names: others.names,
    })
  })
  say("Reading the database's statistics")
  const counted = await readOnly(client, async () => ({
    ...(await readMoments(client)),
    standbys: await countStandbys(client),
    tables: await readTables(client),
    indexes: await readIndexes(client, server.major),
    ages: await readAges(client),
    transactions: await readTransactions(client),
    preparedTransactions: await readPreparedTransactions(client),
    replicationSlots: await readReplicationSlots(client),
  }))
  const { columns, denied: deniedColumns } = await readOnly(client, () => readKeyColumns(client))
  const { sequences, denied: deniedSequences } = await readSequences(client, server.role === 'standby')
  const { settings, authentication, rights } = await readOnly(client, async () => ({
    settings: await readSettings(client),
    authentication: await readAuthentication(client),
    rights: await readRights(client),
  }))
  const onAll = (objects: string) => `SELECT on all ${objects}, as the role pg_read_all_data has it`
  return {
    name: server.database,
    address: describeCandidate(candidate),
    major: server.major,
    version: server.version,
    user: server.user,
    standby: server.role === 'standby',
    ...(server.systemIdentifier !== undefined && { systemIdentifier: server.systemIdentifier }),
    catalog,
    ...counted,
    columns,
    sequences,
    settings,
    ...(authentication !== undefined && { authentication }),
    denied: {
      ...(!rights.statistics && { transactions: 'the role pg_read_all_stats' }),
      ...(!rights.settings && { settings: 'the role pg_read_all_settings' }),
      ...(authentication === undefined && { authentication: 'EXECUTE on pg_hba_file_rules()' }),
      ...(deniedColumns && { columns: onAll('tables') }),
      ...(deniedSequences && { sequences: onAll('sequences') }),
    },
  }
}

/**
 * What the server's counters count since: a crash empties them and sets the moment of all the server's own, which are
 * also reset one by one; so that moment is at most the earliest of them.
 */
async function readMoments(client: Client): Promise<{ readAt: string; statisticsSince: string }> {
  const { rows } = await client.query<{ now: string; since: string }>(`
SELECT to_json(clock_timestamp()) #>> '{}' AS now, to_json(greatest(
  (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
  least((SELECT stats_reset FROM pg_stat_bgwriter), (SELECT stats_reset FROM pg_stat_archiver),
    (SELECT stats_reset FROM pg_stat_wal)))) #>> '{}' AS since`)
  const { now = '', since = '' } = rows[0] ?? {}
  return { readAt: now, statisticsSince: since }
}
