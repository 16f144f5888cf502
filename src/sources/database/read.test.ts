import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { pgBouncerProgram, withPgBouncer } from '../../../test/pgbouncer.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import type { Database } from '../../findings/database.ts'
import type { Session } from '../../postgres/connect/connect.ts'
import { connect } from '../../postgres/connect/connect.ts'
import { resolveConnection } from '../../postgres/connect/resolve.ts'
import type { ResolvedConnection } from '../../postgres/connect/resolve.ts'
import { readSurroundings } from '../../postgres/connect/surroundings.ts'
import { readBySession, readDatabase } from './read.ts'

const setup = `
CREATE TABLE customers (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, closed_at date);
CREATE TABLE "Odd Name" (id smallserial PRIMARY KEY, "Customer" integer REFERENCES customers);
CREATE INDEX "odd index" ON "Odd Name" ("Customer");
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX events_at_idx ON events (at);
CREATE SEQUENCE down INCREMENT -1 MINVALUE -100 MAXVALUE -1;
CREATE VIEW open_customers AS SELECT id FROM customers WHERE closed_at IS NULL;
INSERT INTO customers (email, closed_at)
  SELECT 'secret-value-' || n || '@example.com', CASE WHEN n % 4 = 0 THEN current_date END FROM generate_series(1, 1000) n;
CREATE INDEX customers_closed_at_idx ON customers (closed_at);
INSERT INTO "Odd Name" ("Customer") SELECT 1 FROM generate_series(1, 2000);
SELECT nextval('down'), nextval('down');
INSERT INTO events (at) SELECT date '2026-01-01' + n / 10 FROM generate_series(1, 1000) n;
CREATE TABLE small (a int PRIMARY KEY);
ANALYZE;`

function resolvedFor(text: string): ResolvedConnection {
  const surroundings = { ...readSurroundings(), environment: {} }
  return resolveConnection(surroundings, { name: '--url', text, by: 'user' })
}

/** The way to the database of a session that logged in with a password. */
function directTo({ host, port, user, password, database }: Client): ResolvedConnection {
  return resolvedFor(`host=${host} port=${port} user=${user} password=${password} dbname=${database}`)
}

const options = { applicationName: 'kei/check', leaveOut: [] }

/** Runs `work` with the database above and what is read of it. */
function withRead(major: Major, work: (database: Database, client: Client) => Promise<void> | void): Promise<void> {
  return withDatabase(major, async (client) => work(await readDatabase(directTo(client), options), client), setup)
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  it('reads what is counted of tables, indexes, columns and sequences', () =>
    withRead(major, (database, client) => {
      expect(database).toMatchObject({ name: client.database, major, standby: false, user: client.user, denied: {} })
      expect(database.tables.get('public.customers')).toMatchObject({ rows: 1000, autovacuumDisabled: false })
      expect(database.tables.get('public.customers')?.bytes).toBeGreaterThan(8192)
      expect(database.tables.get('public.events')).toMatchObject({ rows: 1000, bytes: 0 })
      expect(database.tables.get('public.events')?.age).toBeUndefined()
      expect(database.tables.get('public.events_2026')?.age).toBeGreaterThan(0)
      expect(database.indexes.get('public."odd index"')).toMatchObject({ scans: 0, replicaIdentity: false })
      expect(database.indexes.get('public.customers_pkey')?.replicaIdentity).toBe(true)
      expect(database.indexes.get('public.events_2026_at_idx')?.partOf).toBe('public.events_at_idx')
      expect(database.columns.get('public.customers.closed_at')).toMatchObject({
        nullShare: 0.75,
        commonShares: [0.25],
      })
      expect(database.columns.get('public."Odd Name"."Customer"')).toMatchObject({ distinct: 1, commonShares: [1] })
      expect(database.columns.get('public.events.at')).toMatchObject({ correlation: 1 })
      expect(database.columns.has('public.events.kind')).toBe(false)
      expect(database.columns.has('public.small.a')).toBe(false)
      expect(database.sequences).toEqual([
        {
          ...{ name: 'public."Odd Name_id_seq"', lastValue: 2000, limit: 32_767, increment: 1, cycles: false },
          column: { table: 'public."Odd Name"', name: 'id', type: 'smallint' },
        },
        {
          ...{ name: 'public.customers_id_seq', lastValue: 1000, limit: 2_147_483_647, increment: 1, cycles: false },
          column: { table: 'public.customers', name: 'id', type: 'integer' },
        },
        { name: 'public.down', lastValue: -2, limit: -100, increment: -1, cycles: false },
      ])
      expect(database.ages.map((each) => each.database)).toContain(client.database)
      expect(Date.parse(database.statisticsSince)).toBeLessThan(Date.parse(database.readAt))
      expect(database.settings.settings.get('server_version')?.value).toBe(database.version)
    }))

  it('names every relation as the catalog does', () =>
    withRead(major, ({ catalog, tables, indexes }) => {
      const kinds = new Set(['table', 'partitioned table', 'materialized view'])
      const relations = catalog.relations.filter(({ kind }) => kinds.has(kind))
      expect([...tables.keys()].sort()).toEqual(relations.map(({ name }) => name).sort())
      expect([...indexes.keys()].sort()).toEqual(catalog.indexes.map(({ name }) => name).sort())
    }))

  it('takes no value of a row', () =>
    withRead(major, ({ tables, indexes, columns, ...rest }) => {
      const all = JSON.stringify([
        ...tables,
        ...indexes,
        ...columns,
        { ...rest, settings: [...rest.settings.settings] },
      ])
      expect(all).not.toContain('secret-value')
    }))

  it('locks nothing above ACCESS SHARE', () =>
    withDatabase(
      major,
      async (client) => {
        const session = await connect(directTo(client), options)
        const locks: string[] = []
        await readBySession(watched(session, locks), options)
        await session.client.end()
        expect(locks.filter((lock) => lock.startsWith('relation'))).not.toEqual([])
        expect(
          [...new Set(locks)].filter((lock) => !/^relation AccessShareLock|^virtualxid ExclusiveLock$/.test(lock)),
        ).toEqual([])
      },
      setup,
    ))

  it('leaves out what the role may not see, and says what it lacks', () =>
    withDatabase(
      major,
      async (client, database, shadow) => {
        const role = `${database}_reader`
        await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'; GRANT SELECT ON public."Odd Name" TO ${role}`)
        const other = await shadow.connect({ database })
        await other.query('BEGIN; SELECT txid_current()')
        try {
          const text = `host=${client.host} port=${client.port} user=${role} password=reader dbname=${database}`
          const read = await readDatabase(resolvedFor(text), options)
          expect(read.denied).toEqual({
            transactions: 'the role pg_read_all_stats',
            settings: 'the role pg_read_all_settings',
            authentication: 'EXECUTE on pg_hba_file_rules()',
            columns: expect.stringContaining('pg_read_all_data'),
            sequences: expect.stringContaining('pg_read_all_data'),
          })
          expect(read.transactions).toEqual([])
          expect(read.authentication).toBeUndefined()
          expect(read.columns.has('public.customers.email')).toBe(false)
          expect(read.columns.has('public."Odd Name"."Customer"')).toBe(true)
          expect(read.sequences.every(({ lastValue }) => lastValue === undefined)).toBe(true)
          expect(read.tables.get('public.customers')?.rows).toBe(1000)
        } finally {
          await other.end()
          await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
        }
      },
      setup,
    ))

  it('gives up soon where somebody changes the schema', () =>
    withDatabase(
      major,
      async (client, database, shadow) => {
        const other = await shadow.connect({ database })
        await other.query('BEGIN; LOCK TABLE public.customers IN ACCESS EXCLUSIVE MODE')
        try {
          await expect(readDatabase(directTo(client), options)).rejects.toMatchObject({
            code: 'live-catalog-busy',
            exitCode: 4,
          })
        } finally {
          await other.end()
        }
      },
      setup,
    ))

  it.skipIf(pgBouncerProgram === undefined)('leaves nothing behind in the one session of a pooler', () =>
    withDatabase(
      major,
      (client) =>
        withPgBouncer(client, { poolSize: 1 }, async (pooler) => {
          const direct = await readDatabase(directTo(client), options)
          const before = await stateOf(await pooler.connect())
          const pooled = await readDatabase(resolvedFor(pooler.url), options)
          expect(await stateOf(await pooler.connect())).toEqual(before)
          expect(pooled.catalog).toEqual(direct.catalog)
          expect(pooled.sequences).toEqual(direct.sequences)
          expect(pooled.columns).toEqual(direct.columns)
          expect([...pooled.settings.settings.keys()]).toEqual([...direct.settings.settings.keys()])
        }),
      setup,
    ),
  )
})

it('is stopped by its signal', () =>
  withDatabase(17, async (client) => {
    const abort = new AbortController()
    const reading = readDatabase(directTo(client), {
      ...options,
      signal: abort.signal,
      onProgress: (text) => {
        if (text.includes('catalog')) abort.abort(new Error('enough'))
      },
    })
    await expect(reading).rejects.toThrow('enough')
  }))

/** The same session, which notes what it has locked at the end of each of its transactions. */
function watched(session: Session, locks: string[]): Session {
  const { client } = session
  const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
  client.query = (async (...given: unknown[]) => {
    if (given[0] === 'COMMIT') {
      const { rows } = (await query(
        `SELECT locktype || ' ' || mode AS lock FROM pg_locks WHERE pid = pg_backend_pid()`,
      )) as { rows: { lock: string }[] }
      locks.push(...rows.map(({ lock }) => lock))
    }
    return query(...given)
  }) as typeof client.query
  return session
}

/** All that the server's session has and its next user would meet; ends the client. */
async function stateOf(client: Client): Promise<unknown> {
  const { rows } = await client.query(`SELECT pg_backend_pid() AS pid,
  (SELECT json_object_agg(name, setting ORDER BY name) FROM pg_settings) AS settings,
  ARRAY(SELECT name FROM pg_prepared_statements) AS prepared, ARRAY(SELECT name FROM pg_cursors) AS cursors,
  ARRAY(SELECT pg_listening_channels()) AS channels, pg_my_temp_schema() AS temporary,
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS advisory,
  (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS application`)
  await client.end()
  return rows[0]
}
