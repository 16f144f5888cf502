import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import type { Shadow } from '../postgres/shadow/shadow.ts'
import type { NewHistoryRow } from './history.ts'
import { openHistory } from './history-table.ts'

/** Runs `work` with the session of an ordinary role, which is dropped afterwards. */
async function withRole<T>(
  { client, database, shadow }: { client: Client; database: string; shadow: Shadow },
  work: (session: Client, role: string) => Promise<T>,
): Promise<T> {
  const role = `Role ${database}`
  await client.query(`CREATE ROLE "${role}" LOGIN PASSWORD 'x'`)
  try {
    const session = await shadow.connect({ database, user: role, password: 'x' })
    try {
      return await work(session, role)
    } finally {
      await session.end()
    }
  } finally {
    await client.query(`DROP OWNED BY "${role}" CASCADE`)
    await client.query(`DROP ROLE "${role}"`)
  }
}

/** Runs what a hint says is to be run. */
function grantsOf(error: unknown): string {
  const hint = error instanceof Error && 'hint' in error ? String(error.hint) : ''
  return hint.slice(hint.indexOf('GRANT'))
}

const row: NewHistoryRow = {
  event: 'ran',
  direction: 'up',
  version: '0001',
  name: 'first',
  first: 1,
  last: 2,
  hashes: ['a', 'b'],
  complete: true,
  checksum: '1:c',
  milliseconds: 1.5,
}

async function add(client: Client, schema: string, ...rows: Partial<NewHistoryRow>[]): Promise<void> {
  const history = openHistory(schema)
  for (const changes of rows) await client.query(history.insertion({ ...row, ...changes }, '7'))
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  it('20 that make the tables at once all find them made', () =>
    withDatabase(major, async (client, database, shadow) => {
      const history = openHistory('kei')
      expect(await history.exists(client)).toBe(false)
      const sessions = await Promise.all(Array.from({ length: 20 }, () => shadow.connect({ database })))
      try {
        await Promise.all(sessions.map((session) => history.create(session)))
        expect(await Promise.all(sessions.map((session) => history.exists(session)))).not.toContain(false)
      } finally {
        await Promise.all(sessions.map((session) => session.end()))
      }
      const { rows } = await client.query(`SELECT (SELECT count(*)::int FROM kei.fence) AS fences,
                                                  (SELECT count(*)::int FROM kei.lease) AS leases`)
      expect(rows).toEqual([{ fences: 1, leases: 1 }])
    }))

  it('what is written is read again, in the order of writing', () =>
    withDatabase(major, async (client) => {
      const history = openHistory('Weird "schema"')
      await history.create(client)
      const intent = { statement: 'CREATE INDEX …', pid: 1, backendStart: 'then', before: { oid: 1 } }
      await add(client, history.schema, { text: 'SELECT 1' }, { version: '2', event: 'intent', hashes: [], intent })
      await add(client, history.schema, { version: '2', event: 'edit', reason: 'because', text: 'SELECT 2' })
      await add(client, history.schema, { version: '1', direction: 'down', text: 'SELECT -1' }, { text: 'SELECT 11' })
      const rows = await history.read(client)
      expect(rows).toHaveLength(5)
      const { text, ...first } = { ...row, text: 'SELECT 1' }
      expect(text).toBe('SELECT 1')
      expect(rows[0]).toEqual({
        ...first,
        id: '1',
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        by: client.user,
        kei: expect.stringMatching(/^\d/),
        token: '7',
      })
      expect(Math.abs(Date.now() - Date.parse(rows[0]?.at ?? ''))).toBeLessThan(60_000)
      expect(rows[1]).toMatchObject({ event: 'intent', hashes: [], intent })
      const { milliseconds: _, ...untimed } = row
      const insertion = history.insertion(untimed, '8')
      await client.query('BEGIN; SELECT pg_sleep(0.05)')
      await client.query(insertion)
      await client.query('COMMIT')
      const timed = (await history.read(client)).at(-1)
      expect(timed?.milliseconds).toBeGreaterThan(49)
      expect(timed?.milliseconds).toBeLessThan(10_000)
      expect(rows[2]).toMatchObject({ event: 'edit', reason: 'because' })
      expect(await history.readTexts(client)).toEqual(
        new Map([
          ['1', { up: 'SELECT 11', down: 'SELECT -1' }],
          ['2', { up: 'SELECT 2' }],
        ]),
      )
      expect([...(await history.readTexts(client, ['002'])).keys()]).toEqual(['2'])
    }))

  it('the view shows what is applied now, to everybody, and nothing else is open to others', () =>
    withDatabase(major, async (client, database, shadow) => {
      await openHistory('kei').create(client)
      await add(client, 'kei', { version: '1' }, { version: '02' }, { version: '3', complete: false }, { version: '4' })
      await add(client, 'kei', { version: '1', direction: 'down' }, { version: '1' })
      await add(client, 'kei', { version: '2', event: 'edit' })
      await add(client, 'kei', { version: '4', direction: 'down', complete: false })
      await add(client, 'kei', { version: '5', event: 'intent' }, { version: '6', event: 'baseline' })
      await withRole({ client, database, shadow }, async (session) => {
        const { rows } = await session.query('SELECT version, name FROM kei.schema_version ORDER BY version')
        expect(rows.map(({ version }) => String(version))).toEqual(['02', '1', '6'])
        for (const table of ['history', 'fence', 'lease']) {
          await expect(session.query(`SELECT FROM kei.${table}`)).rejects.toMatchObject({ code: '42501' })
        }
        await expect(openHistory('kei').exists(session)).rejects.toMatchObject({ code: 'history-not-permitted' })
      })
    }))

  it('a role that may not make the schema is told the GRANT, and can once it is given', () =>
    withDatabase(major, async (client, database, shadow) => {
      await withRole({ client, database, shadow }, async (session, role) => {
        const history = openHistory('kei')
        const refused = await history.create(session).catch((error: unknown) => error)
        expect(refused).toMatchObject({ code: 'history-not-permitted', exitCode: 4 })
        expect(grantsOf(refused)).toBe(`GRANT CREATE ON DATABASE "${database}" TO "${role}";`)
        await client.query(grantsOf(refused))
        await history.create(session)
        expect(await history.exists(session)).toBe(true)
        await expect(session.query('DELETE FROM kei.history')).rejects.toMatchObject({ code: '42501' })
      })
    }))

  it('so is one that may not make tables in a schema that is there, and one whose tables are another role’s', () =>
    withDatabase(major, async (client, database, shadow) => {
      await withRole({ client, database, shadow }, async (session) => {
        await client.query('CREATE SCHEMA kei')
        const history = openHistory('kei')
        expect(await history.exists(session)).toBe(false)
        const refused = await history.create(session).catch((error: unknown) => error)
        expect(grantsOf(refused)).toContain('GRANT USAGE, CREATE ON SCHEMA "kei" TO')
        await client.query(grantsOf(refused))
        await history.create(session)

        const other = openHistory('other')
        await other.create(client)
        const unread = await other.read(session).catch((error: unknown) => error)
        await client.query(grantsOf(unread))
        expect(await other.read(session)).toEqual([])
      })
    }))
})

it('tables of another make are refused by name', () =>
  withDatabase(17, async (client) => {
    await client.query('CREATE SCHEMA kei; CREATE TABLE kei.history (id int)')
    const history = openHistory('kei')
    for (const look of [history.exists, history.create]) {
      await expect(look(client)).rejects.toMatchObject({
        code: 'schema-not-kei',
        message: expect.stringContaining('"history"'),
      })
    }
    await client.query('CREATE TABLE kei.fence (id int)')
    await expect(history.exists(client)).rejects.toMatchObject({ code: 'schema-not-kei' })
    await client.query('DROP TABLE kei.history, kei.fence; CREATE TABLE kei.mine ()')
    await history.create(client)
    expect(await history.exists(client)).toBe(true)
  }))

it('tables of a newer kei are refused', () =>
  withDatabase(17, async (client) => {
    const history = openHistory('kei')
    await history.create(client)
    await client.query('UPDATE kei.fence SET format = 2')
    await expect(history.exists(client)).rejects.toMatchObject({ code: 'history-of-newer-kei' })
  }))

it('a session that is read-only cannot make them', () =>
  withDatabase(17, async (client) => {
    await client.query('SET default_transaction_read_only = on')
    await expect(openHistory('kei').create(client)).rejects.toMatchObject({ code: 'read-only-server', exitCode: 3 })
  }))
