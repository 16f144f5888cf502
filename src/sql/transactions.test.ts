import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import { loadParser } from './parse.ts'
import type { Statement } from './statement.ts'
import { behaviourOf, groupStatements, refusals } from './transactions.ts'
import type { TransactionBehaviour, TransactionMode } from './transactions.ts'

const parser = await loadParser()

function statementsOf(sql: string): Statement[] {
  const parsed = parser.parse(sql)
  if (parsed.kind !== 'parsed') throw new Error(`${parsed.message}: ${sql}`)
  return parsed.statements
}

function onlyStatement(sql: string): Statement {
  const [statement, ...others] = statementsOf(sql)
  if (statement === undefined || others.length > 0) throw new Error(`not one statement: ${sql}`)
  return statement
}

interface Example {
  sql: string
  behaviour: TransactionBehaviour
  /** Runs first, in the same transaction. */
  after?: string
  majors?: readonly number[]
  /** SQLSTATE for a reason that has nothing to do with the block. */
  fails?: string
}

const schema = `
  CREATE TABLE orders (id bigint PRIMARY KEY, note text);
  CREATE INDEX orders_note ON orders (note);
  CREATE TABLE events (at date NOT NULL) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
  CREATE INDEX events_at ON events (at);
  CREATE MATERIALIZED VIEW totals AS SELECT 1 AS id;
  CREATE UNIQUE INDEX totals_id ON totals (id);
  CREATE TYPE mood AS ENUM ('happy');
  CREATE PROCEDURE nothing() LANGUAGE plpgsql AS 'BEGIN END';
  CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
`

const subscription = `CREATE SUBSCRIPTION s CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (connect = false)`
const enabled = `${subscription}; ALTER SUBSCRIPTION s ENABLE`

const outside: (string | Omit<Example, 'behaviour'>)[] = [
  'VACUUM',
  'VACUUM (ANALYZE) orders',
  'CREATE INDEX CONCURRENTLY ON orders (note)',
  'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS orders_note ON orders (note)',
  'DROP INDEX CONCURRENTLY orders_note',
  'DROP INDEX CONCURRENTLY IF EXISTS missing',
  'REINDEX INDEX CONCURRENTLY orders_note',
  'REINDEX TABLE CONCURRENTLY orders',
  'REINDEX (VERBOSE, CONCURRENTLY) TABLE orders',
  'REINDEX (CONCURRENTLY 1) TABLE orders',
  'REINDEX (CONCURRENTLY oN) TABLE orders',
  'REINDEX SCHEMA public',
  'REINDEX DATABASE',
  'REINDEX SYSTEM',
  'CLUSTER',
  'CLUSTER VERBOSE',
  { sql: 'CLUSTER (VERBOSE)', majors: [17, 18] },
  'DISCARD ALL',
  'ALTER TABLE events DETACH PARTITION events_old CONCURRENTLY',
  'CREATE DATABASE elsewhere',
  'DROP DATABASE IF EXISTS elsewhere',
  'DROP DATABASE IF EXISTS elsewhere WITH (FORCE)',
  'ALTER DATABASE elsewhere SET TABLESPACE pg_default',
  `CREATE TABLESPACE fast LOCATION '/nowhere'`,
  'DROP TABLESPACE IF EXISTS fast',
  `ALTER SYSTEM SET work_mem = '4MB'`,
  'ALTER SYSTEM RESET ALL',
  `COMMIT PREPARED 'x'`,
  `ROLLBACK PREPARED 'x'`,
  `CREATE SUBSCRIPTION s CONNECTION 'host=192.0.2.1' PUBLICATION p`,
  `CREATE SUBSCRIPTION s CONNECTION 'host=192.0.2.1' PUBLICATION p WITH (create_slot)`,
  { sql: 'DROP SUBSCRIPTION s', after: subscription },
  { sql: 'ALTER SUBSCRIPTION s REFRESH PUBLICATION', after: enabled },
  { sql: 'ALTER SUBSCRIPTION s SET PUBLICATION q', after: enabled },
  { sql: 'ALTER SUBSCRIPTION s ADD PUBLICATION q WITH (copy_data = false)', after: enabled },
  {
    sql: 'ALTER SUBSCRIPTION s DROP PUBLICATION q',
    after: `${enabled}; ALTER SUBSCRIPTION s ADD PUBLICATION q WITH (refresh = off)`,
  },
  { sql: 'ALTER SUBSCRIPTION s SET (failover = true)', after: subscription, majors: [17, 18] },
  { sql: 'ALTER SUBSCRIPTION s SET (two_phase = false)', after: subscription, majors: [18] },
]

const inside: (string | Omit<Example, 'behaviour'>)[] = [
  'ANALYZE',
  'ANALYZE orders',
  'CREATE INDEX ON orders (note)',
  'DROP INDEX orders_note',
  'REINDEX TABLE orders',
  'REINDEX INDEX orders_note',
  'REINDEX (CONCURRENTLY false) TABLE orders',
  'CLUSTER orders USING orders_note',
  'DISCARD PLANS',
  'DISCARD TEMP',
  'ALTER TABLE events DETACH PARTITION events_old',
  { sql: 'ALTER TABLE events DETACH PARTITION events_old FINALIZE', fails: '55000' },
  'REFRESH MATERIALIZED VIEW totals',
  'REFRESH MATERIALIZED VIEW CONCURRENTLY totals',
  `ALTER TYPE mood ADD VALUE 'sad'`,
  `ALTER TYPE mood RENAME VALUE 'happy' TO 'glad'`,
  `ALTER DATABASE postgres SET work_mem = '4MB'`,
  'ALTER DATABASE postgres WITH CONNECTION LIMIT 100',
  'CREATE ROLE somebody',
  'CREATE SCHEMA app CREATE TABLE t (id int)',
  'CREATE TABLE t (id int)',
  'CREATE EXTENSION IF NOT EXISTS plpgsql',
  'ALTER TABLE orders ADD CONSTRAINT c CHECK (id > 0) NOT VALID',
  'TRUNCATE orders',
  'LOCK TABLE orders IN ACCESS EXCLUSIVE MODE',
  `SET LOCAL lock_timeout = '1s'`,
  'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  `COMMENT ON TABLE orders IS 'all of them'`,
  'GRANT SELECT ON orders TO PUBLIC',
  'CHECKPOINT',
  'NOTIFY channel',
  'EXPLAIN ANALYZE SELECT FROM orders',
  'CREATE PUBLICATION everything FOR ALL TABLES',
  subscription,
  { sql: `CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere' PUBLICATION p WITH (create_slot = 'off')`, fails: '08006' },
  { sql: 'ALTER SUBSCRIPTION s SET PUBLICATION q WITH (refresh = false)', after: enabled },
  { sql: 'ALTER SUBSCRIPTION s SET (slot_name = NONE)', after: subscription },
  { sql: 'ALTER SUBSCRIPTION s DISABLE', after: enabled },
  `DO 'BEGIN PERFORM 1; END'`,
  'DECLARE c CURSOR FOR SELECT FROM orders',
]

const control: string[] = [
  'BEGIN',
  'START TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'SAVEPOINT a',
  'COMMIT',
  'COMMIT AND CHAIN',
  'END',
  'ROLLBACK',
  'ABORT',
]

function examplesOf(
  list: readonly (string | Omit<Example, 'behaviour'>)[],
  behaviour: TransactionBehaviour,
): Example[] {
  return list.map((entry) => ({ ...(typeof entry === 'string' ? { sql: entry } : entry), behaviour }))
}

const examples: Example[] = [
  ...examplesOf(outside, 'outside'),
  ...examplesOf(inside, 'inside'),
  ...examplesOf(control, 'control'),
]

async function stateInBlock(client: Client, sql: string, after?: string): Promise<string | undefined> {
  try {
    await client.query('BEGIN')
    if (after !== undefined) await client.query(after)
    return await stateOf(client, sql)
  } finally {
    await client.query('ROLLBACK')
  }
}

async function stateOf(client: Client, sql: string): Promise<string | undefined> {
  try {
    await client.query(sql)
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

describe('behaviourOf', () => {
  it.each(majors)('says of every kind of statement what PostgreSQL %d says in a transaction block', async (major) => {
    await withDatabase(
      major,
      async (client) => {
        for (const example of examples) {
          expect(behaviourOf(onlyStatement(example.sql)), example.sql).toBe(example.behaviour)
          if (example.majors?.includes(major) === false) continue
          const expected = example.behaviour === 'outside' ? '25001' : example.fails
          expect(await stateInBlock(client, example.sql, example.after), example.sql).toBe(expected)
        }
      },
      schema,
    )
  })

  it.each(majors)(
    'calls what can commit by itself may-commit, and PostgreSQL %d lets it only outside a block',
    async (major) => {
      await withDatabase(
        major,
        async (client) => {
          for (const sql of [
            'CALL commits()',
            `DO 'BEGIN COMMIT; END'`,
            `DO 'BEGIN CALL commits(); END'`,
            `DO 'BEGIN ROLLBACK; END'`,
          ]) {
            expect(behaviourOf(onlyStatement(sql)), sql).toBe('may-commit')
            expect(await stateInBlock(client, sql), sql).toBe('2D000')
            expect(await stateOf(client, sql), sql).toBeUndefined()
          }
          expect(behaviourOf(onlyStatement('CALL nothing()'))).toBe('may-commit')
          // Why DO without these words is `inside`: EXECUTE does not commit, not even by way of CALL.
          for (const code of [`EXECUTE 'CO' || 'MMIT'`, `EXECUTE 'CA' || 'LL com' || 'mits()'`]) {
            expect(await stateOf(client, `DO 'BEGIN ${code.replaceAll("'", "''")}; END'`), code).toMatch(
              /^(0A000|2D000)$/,
            )
          }
        },
        schema,
      )
    },
  )

  it.each(majors)('cannot see in the text what PostgreSQL %d refuses for a partitioned table', async (major) => {
    await withDatabase(
      major,
      async (client) => {
        await client.query('CREATE INDEX events_to_cluster ON events (at)')
        for (const sql of [
          'REINDEX TABLE events',
          'REINDEX INDEX events_at',
          'CLUSTER events USING events_to_cluster',
        ]) {
          expect(behaviourOf(onlyStatement(sql)), sql).toBe('inside')
          expect(await stateInBlock(client, sql), sql).toBe('25001')
        }
        expect(
          await stateInBlock(
            client,
            'DROP SUBSCRIPTION s',
            `${subscription}; ALTER SUBSCRIPTION s SET (slot_name = NONE)`,
          ),
        ).toBe(undefined)
      },
      schema,
    )
  })
})

/** `[…]` for a transaction, `!…` for one that is rolled back, a bare text for a statement alone. */
function shapeOf(sql: string, mode: TransactionMode): string[] {
  return groupStatements(statementsOf(sql), mode).map((group) => {
    const texts = group.statements.map((statement) => statement.text).join('; ')
    return group.kind === 'alone' ? texts : `${group.rolledBack === true ? '!' : ''}[${texts}]`
  })
}

function refusedIn(sql: string, mode: TransactionMode): string[] {
  return refusals(statementsOf(sql), mode).map(({ statement, reason }) => `${reason}: ${statement.text}`)
}

describe('groupStatements in mode grouped', () => {
  it('makes the longest transactions it can and runs the rest alone', () => {
    expect(shapeOf('SELECT 1; SELECT 2; VACUUM; SELECT 3; CALL p(); SELECT 4', 'grouped')).toEqual([
      '[SELECT 1; SELECT 2]',
      'VACUUM',
      '[SELECT 3]',
      'CALL p()',
      '[SELECT 4]',
    ])
    expect(shapeOf('', 'grouped')).toEqual([])
    expect(shapeOf(`SELECT 1; DO 'BEGIN NULL; END'; SELECT 2`, 'grouped')).toEqual([
      `[SELECT 1; DO 'BEGIN NULL; END'; SELECT 2]`,
    ])
  })

  it('keeps a BEGIN … COMMIT of the file whole and does not send its boundaries', () => {
    expect(shapeOf('SELECT 1; BEGIN; SELECT 2; SAVEPOINT a; SELECT 3; COMMIT; SELECT 4', 'grouped')).toEqual([
      '[SELECT 1]',
      '[SELECT 2; SAVEPOINT a; SELECT 3]',
      '[SELECT 4]',
    ])
    expect(shapeOf('BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT; VACUUM', 'grouped')).toEqual([
      '[SELECT 1]',
      '[SELECT 2]',
      'VACUUM',
    ])
    expect(shapeOf('BEGIN; VACUUM; CALL p(); COMMIT', 'grouped')).toEqual(['[VACUUM; CALL p()]'])
    expect(shapeOf('BEGIN; COMMIT', 'grouped')).toEqual([])
  })

  it('marks what the file rolls back', () => {
    expect(shapeOf('BEGIN; SELECT 1; ROLLBACK; SELECT 2', 'grouped')).toEqual(['![SELECT 1]', '[SELECT 2]'])
    expect(refusedIn('BEGIN; SELECT 1; ROLLBACK; SELECT 2', 'grouped')).toEqual(['rollback-by-file: ROLLBACK'])
    expect(refusedIn(`BEGIN; SELECT 1; PREPARE TRANSACTION 'x'`, 'grouped')).toEqual([
      `rollback-by-file: PREPARE TRANSACTION 'x'`,
    ])
  })

  it('starts a new group where an enum value added before is used', () => {
    const add = `ALTER TYPE mood ADD VALUE 'sad'`
    const add2 = `ALTER TYPE mood ADD VALUE 'mad' AFTER 'sad'`
    expect(shapeOf(`${add}; ${add2}; SELECT 1; SELECT 'sad'::mood; SELECT 'sad'; SELECT 'mad'`, 'grouped')).toEqual([
      `[${add}; ${add2}; SELECT 1]`,
      `[SELECT 'sad'::mood; SELECT 'sad'; SELECT 'mad']`,
    ])
    const create = `CREATE TABLE t (m mood DEFAULT 'sad')`
    expect(shapeOf(`${add}; ${create}`, 'grouped')).toEqual([`[${add}]`, `[${create}]`])
    const code = `DO $$ BEGIN INSERT INTO t VALUES ('sad'); END $$`
    expect(shapeOf(`${add}; ${code}`, 'grouped')).toEqual([`[${add}]`, `[${code}]`])
    const rename = `ALTER TYPE mood RENAME VALUE 'happy' TO 'sad'`
    expect(shapeOf(`${rename}; SELECT 'sad'::mood`, 'grouped')).toEqual([`[${rename}; SELECT 'sad'::mood]`])
    expect(shapeOf(`BEGIN; ${add}; SELECT 'sad'; COMMIT`, 'grouped')).toEqual([`[${add}; SELECT 'sad']`])
  })

  it.each(majors)('cuts there because PostgreSQL %d refuses the value before it is committed', async (major) => {
    await withDatabase(
      major,
      async (client) => {
        for (const use of [
          `SELECT 'sad'::mood`,
          `CREATE TABLE t (m mood DEFAULT 'sad')`,
          `DO 'BEGIN PERFORM ''sad''::mood; END'`,
        ]) {
          expect(await stateInBlock(client, use, `ALTER TYPE mood ADD VALUE 'sad'`), use).toBe('55P04')
        }
        expect(
          await stateInBlock(client, `SELECT 'glad'::mood`, `ALTER TYPE mood RENAME VALUE 'happy' TO 'glad'`),
        ).toBeUndefined()
        const added = `ALTER TYPE mood ADD VALUE 'sad'; ALTER TYPE mood ADD VALUE 'mad' AFTER 'sad'`
        expect(await stateInBlock(client, 'SELECT 1', added)).toBeUndefined()
        // From 17 on a type of the same transaction is free; the cut is made all the same, for 16.
        const fresh = `CREATE TYPE fresh AS ENUM ('a'); ALTER TYPE fresh ADD VALUE 'b'`
        expect(await stateInBlock(client, `SELECT 'b'::fresh`, fresh)).toBe(major === 16 ? '55P04' : undefined)
      },
      schema,
    )
  })
})

describe('groupStatements as the other runners send', () => {
  it('opens one transaction around the file in mode transaction, until the file ends it', () => {
    expect(shapeOf('SELECT 1; VACUUM; SELECT 2', 'transaction')).toEqual(['[SELECT 1; VACUUM; SELECT 2]'])
    expect(shapeOf('BEGIN; SELECT 1; COMMIT; SELECT 2; VACUUM; BEGIN; SELECT 3', 'transaction')).toEqual([
      '[SELECT 1]',
      'SELECT 2',
      'VACUUM',
      '[SELECT 3]',
    ])
  })

  it('runs each statement alone in mode statement, but for a BEGIN … COMMIT of the file', () => {
    expect(shapeOf('SELECT 1; SELECT 2; BEGIN; SELECT 3; SELECT 4; COMMIT; VACUUM', 'statement')).toEqual([
      'SELECT 1',
      'SELECT 2',
      '[SELECT 3; SELECT 4]',
      'VACUUM',
    ])
  })

  it('has one implicit transaction per string in mode simple-query, cut by COMMIT, and none around a single statement', () => {
    expect(
      shapeOf('SELECT 1; SELECT 2; COMMIT; SELECT 3; BEGIN; SELECT 4; ROLLBACK; SELECT 5', 'simple-query'),
    ).toEqual(['[SELECT 1; SELECT 2]', '![SELECT 3; SELECT 4]', '[SELECT 5]'])
    expect(shapeOf('VACUUM', 'simple-query')).toEqual(['VACUUM'])
    expect(shapeOf('CREATE TABLE t ()', 'simple-query')).toEqual(['CREATE TABLE t ()'])
  })

  it('has a COMMIT of the file followed by an implicit transaction in mode transaction-query', () => {
    expect(shapeOf('VACUUM', 'transaction-query')).toEqual(['[VACUUM]'])
    expect(shapeOf('SELECT 1; COMMIT; VACUUM', 'transaction-query')).toEqual(['[SELECT 1]', '[VACUUM]'])
    expect(refusedIn('SELECT 1; COMMIT; VACUUM', 'transaction-query')).toEqual(['outside-in-transaction: VACUUM'])
  })

  it.each(majors)('refuses on PostgreSQL %d what follows a COMMIT in such a string', async (major) => {
    await withDatabase(major, async (client) => {
      await client.query('BEGIN')
      await expect(client.query('SELECT 1; COMMIT; VACUUM')).rejects.toMatchObject({ code: '25001' })
    })
  })

  it.each(majors)('is what PostgreSQL %d does with such a string', async (major) => {
    await withDatabase(
      major,
      async (client) => {
        await client.query(
          `SELECT 1; INSERT INTO orders VALUES (1); BEGIN; INSERT INTO orders VALUES (2); ROLLBACK; INSERT INTO orders VALUES (3)`,
        )
        expect((await client.query('SELECT id FROM orders')).rows).toEqual([{ id: '3' }])
        expect(
          await stateOf(client, `INSERT INTO orders VALUES (4); COMMIT; INSERT INTO orders VALUES (5); SELECT 1/0`),
        ).toBe('22012')
        expect((await client.query('SELECT id FROM orders ORDER BY id')).rows).toEqual([{ id: '3' }, { id: '4' }])
      },
      schema,
    )
  })
})

describe('refusals', () => {
  const concurrently = 'CREATE INDEX CONCURRENTLY orders_again ON orders (note)'
  const refused = [`outside-in-transaction: ${concurrently}`]

  it('names what cannot run in a transaction where the runner has one open', () => {
    expect(refusedIn(`SELECT 1; ${concurrently}`, 'transaction')).toEqual(refused)
    expect(refusedIn(concurrently, 'transaction')).toEqual(refused)
    expect(refusedIn(`COMMIT; ${concurrently}`, 'transaction')).toEqual([])
    expect(refusedIn(`SELECT 1; ${concurrently}`, 'statement')).toEqual([])
    expect(refusedIn(`BEGIN; ${concurrently}; COMMIT`, 'statement')).toEqual(refused)
    expect(refusedIn(`SELECT 1; ${concurrently}`, 'grouped')).toEqual([])
    expect(refusedIn(`BEGIN; ${concurrently}; COMMIT`, 'grouped')).toEqual(refused)
  })

  it.each(majors)('is right about strings of several statements on PostgreSQL %d', async (major) => {
    await withDatabase(
      major,
      async (client) => {
        for (const sql of [
          `SELECT 1; ${concurrently}`,
          `${concurrently}; SELECT 1`,
          `SELECT 1; COMMIT; ${concurrently}`,
          `SET lock_timeout = '1s'; ${concurrently}`,
        ]) {
          expect(refusedIn(sql, 'simple-query'), sql).toEqual(refused)
          expect(await stateOf(client, sql), sql).toBe('25001')
        }
        expect(refusedIn(`${concurrently};\n-- done\n;`, 'simple-query')).toEqual([])
        expect(await stateOf(client, `${concurrently};\n-- done\n;`)).toBeUndefined()
      },
      schema,
    )
  })
})
