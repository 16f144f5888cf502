import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { pgBouncerProgram, withPgBouncer } from '../../test/pgbouncer.ts'
import { majors, withDatabase } from '../../test/postgres.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import type { MigrationEvent } from './event.ts'
import { createKeiSchema } from './kei-schema.ts'
import { beat, readLease, serverClock, takeLease } from './lease-row.ts'
import { acquireLease } from './lease.ts'
import type { LeaseRequest } from './lease.ts'

type Open = () => Promise<Session>

async function sessionOf(client: Client): Promise<Session> {
  return { client, server: await identifyServer(client), candidate: { host: client.host, port: 0 }, encrypted: false }
}

/** Runs `work` with a way to open sessions, which are ended afterwards: with the server, or through a pooler. */
async function withSessions<T>(
  way: 'direct' | 'pooled',
  work: (open: Open, client: Client) => Promise<T>,
  { major = 17, schema = true, poolSize = 1 }: { major?: 16 | 17 | 18; schema?: boolean; poolSize?: number } = {},
): Promise<T> {
  return withDatabase(major, async (client, database, shadow) => {
    if (schema) await createKeiSchema(client, 'kei')
    const sessions: Session[] = []
    const within = async (connect: () => Promise<Client>) => {
      try {
        return await work(async () => {
          const session = await sessionOf(await connect())
          sessions.push(session)
          return session
        }, client)
      } finally {
        await Promise.all(sessions.map((session) => session.client.end()))
      }
    }
    if (way === 'direct') return within(() => shadow.connect({ database }))
    return withPgBouncer(client, { poolSize }, (pooler) => within(() => pooler.connect()))
  })
}

function request(changes: Partial<LeaseRequest> & { waitTimeout?: number; leaseTime?: number } = {}): LeaseRequest {
  const { waitTimeout = 20_000, leaseTime = 30_000, ...others } = changes
  return {
    settings: { schema: 'kei', waitTimeout, leaseTime },
    command: 'migrate up',
    onEvent: () => undefined,
    ...others,
  }
}

/** Makes the lease look as one whose holder stopped, and went through a pooler. */
function stopHeart(client: Client): Promise<unknown> {
  return client.query(`UPDATE kei.lease SET pid = NULL, heartbeat_at = heartbeat_at - interval '1 minute',
                                            expires_at = expires_at - interval '1 hour'`)
}

const ways = pgBouncerProgram === undefined ? (['direct'] as const) : (['direct', 'pooled'] as const)

describe.each(majors)('on PostgreSQL %i', (major) => {
  it.each(ways)('20 that start at once lead one after the other, with rising tokens (%s)', async (way) => {
    await withSessions(
      way,
      async (open) => {
        let leaders = 0
        const tokens: number[] = []
        const runs = Array.from({ length: 20 }, async () => {
          const session = await open()
          await createKeiSchema(session.client, 'kei')
          const lease = await acquireLease(session, request())
          leaders++
          expect(leaders).toBe(1)
          tokens.push(Number(lease.token))
          await session.client.query(`BEGIN; ${lease.proof.text}; COMMIT`)
          leaders--
          await lease.release()
        })
        await Promise.all(runs)
        expect(tokens).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
      },
      { major, schema: false },
    )
  })

  it('a robbed holder fails by its proof, and with it what was sent behind in the same transaction', async () => {
    await withSessions(
      'direct',
      async (open, client) => {
        const holder = await open()
        const robbed = await acquireLease(holder, request())
        await client.query('CREATE TABLE done (token text)')
        await stopHeart(client)
        const thief = await acquireLease(await open(), request())
        expect(Number(thief.token)).toBe(Number(robbed.token) + 1)
        const group = (token: string, proof: string) =>
          `BEGIN; ${proof}; INSERT INTO public.done VALUES (${token}); COMMIT`
        const refused = holder.client.query(group(robbed.token, robbed.proof.text ?? ''))
        await expect(refused).rejects.toMatchObject({ code: '22012' })
        await holder.client.query('ROLLBACK')
        // The same in a pipeline: the last is answered with ROLLBACK, not COMMIT.
        const { host, port, user, password, database } = client
        const pipelined = new Client({ host, port, user, password, database, ssl: false, pipeline: true })
        await pipelined.connect()
        const sent = ['BEGIN', robbed.proof, `INSERT INTO public.done VALUES ('0')`, 'COMMIT'] as const
        const [, proof, insertion, commit] = await Promise.allSettled(sent.map((query) => pipelined.query(query)))
        await pipelined.end()
        expect(proof).toMatchObject({ status: 'rejected', reason: { code: '22012' } })
        expect(insertion).toMatchObject({ status: 'rejected', reason: { code: '25P02' } })
        expect(commit).toMatchObject({ status: 'fulfilled', value: { command: 'ROLLBACK' } })
        await client.query(group(thief.token, thief.proof.text ?? ''))
        const { rows } = await client.query('SELECT * FROM public.done')
        expect(rows).toEqual([{ token: thief.token }])
      },
      { major },
    )
  })
})

describe.each(ways)('%s', (way) => {
  it('an expired holder cannot be passed while its transaction is open, and can when that has ended', async () => {
    await withSessions(
      way,
      async (open, client) => {
        const session = await open()
        const lease = await acquireLease(session, request())
        await session.client.query('BEGIN')
        await session.client.query(lease.proof)
        await stopHeart(client)
        const thief = await open()
        const refused = await acquireLease(thief, request({ waitTimeout: 2500 })).catch((error: unknown) => error)
        expect(refused).toMatchObject({ code: 'lease-wait-timeout', exitCode: 4 })
        if (way === 'direct') {
          expect(refused).toMatchObject({ message: expect.stringContaining('its transaction is still open (pid ') })
        }
        await session.client.query('COMMIT')
        const notices: MigrationEvent[] = []
        const taken = await acquireLease(thief, request({ onEvent: (event) => void notices.push(event) }))
        expect(Number(taken.token)).toBeGreaterThan(Number(lease.token))
        expect(JSON.stringify(notices)).toContain('was not heard of for')
      },
      { poolSize: 2 },
    )
  })

  it('who waits is told for whom, and goes on when the lease is given back', async () => {
    await withSessions(way, async (open) => {
      const lease = await acquireLease(await open(), request())
      const events: MigrationEvent[] = []
      const waiting = acquireLease(await open(), request({ onEvent: (event) => void events.push(event) }))
      await delay(400)
      expect(events).toMatchObject([{ event: 'waiting', for: 'lease' }])
      expect(JSON.stringify(events)).toContain(`process ${process.pid}, kei migrate up`)
      await Promise.all([lease.release(), lease.release()])
      const next = await waiting
      expect(next.token).toBe('2')
      expect(events).toHaveLength(1)
    })
  })

  it('a heartbeat keeps the lease of a holder that lives, and finds out when it was robbed', async () => {
    await withSessions(way, async (open, client) => {
      const lease = await acquireLease(await open(), request({ leaseTime: 600 }))
      const thief = await open()
      await expect(acquireLease(thief, request({ waitTimeout: 1800 }))).rejects.toMatchObject({
        code: 'lease-wait-timeout',
      })
      expect(lease.lost()).toBeUndefined()
      await client.query('UPDATE kei.lease SET token = token + 1')
      await expect.poll(() => lease.lost()?.code, { timeout: 3000 }).toBe('lease-lost')
      expect(lease.signal.aborted).toBe(true)
    })
  })

  it('those who waited with the same files are given the error, those with others are not', async () => {
    await withSessions(way, async (open) => {
      const session = await open()
      const connectedAt = await serverClock(session.client)
      const lease = await acquireLease(session, request({ plan: 'a', connectedAt }))
      const same = acquireLease(await open(), request({ plan: 'a', connectedAt })).catch((error: unknown) => error)
      await delay(200)
      await lease.release({
        plan: 'a',
        code: 'statement-failed',
        message: 'no such table',
        hint: 'mend it',
        exitCode: 4,
      })
      expect(await same).toMatchObject({
        code: 'statement-failed',
        message: 'no such table',
        hint: 'mend it',
        exitCode: 4,
      })
      const later = await serverClock(session.client)
      const again = await acquireLease(await open(), request({ plan: 'a', connectedAt: later }))
      await again.release({ plan: 'a', code: 'statement-failed', message: 'no such table', exitCode: 4 })
      const other = await acquireLease(await open(), request({ plan: 'b', connectedAt }))
      expect(other.token).toBe('3')
    })
  })
})

it('takes over at once where the session of the holder is gone', async () => {
  await withSessions('direct', async (open) => {
    const session = await open()
    await acquireLease(session, request())
    await session.client.end()
    const events: MigrationEvent[] = []
    const begin = performance.now()
    const lease = await acquireLease(await open(), request({ onEvent: (event) => void events.push(event) }))
    expect(lease.token).toBe('2')
    expect(performance.now() - begin).toBeLessThan(3000)
    expect(events.at(-1)).toMatchObject({ event: 'notice', message: expect.stringContaining('its session is gone') })
  })
})

it.skipIf(pgBouncerProgram === undefined)(
  'behind a pooler the server connection says nothing of the holder',
  async () => {
    await withSessions('pooled', async (open) => {
      const session = await open()
      await acquireLease(session, request())
      await session.client.end()
      await expect(acquireLease(await open(), request({ waitTimeout: 1000 }))).rejects.toMatchObject({
        code: 'lease-wait-timeout',
      })
    })
  },
)

it.skipIf(pgBouncerProgram === undefined)(
  'a holder whose heartbeat waits behind its own transaction keeps the lease',
  async () => {
    await withSessions('pooled', async (open) => {
      const [control, work, other] = [await open(), await open(), await open()]
      const lease = await acquireLease(control, request({ leaseTime: 900 }))
      const thief = acquireLease(other, request({ waitTimeout: 6000 })).catch((error: unknown) => error)
      for (let round = 0; round < 3; round++) {
        await work.client.query('BEGIN')
        await work.client.query(lease.proof)
        await work.client.query('SELECT pg_sleep(1.4)')
        await work.client.query('COMMIT')
        await delay(20)
      }
      expect(lease.lost()).toBeUndefined()
      await lease.release()
      expect(await thief).toMatchObject({ token: '2' })
    })
  },
)

it('an expired lease is only taken with the heartbeat that was seen before', async () => {
  await withSessions('direct', async (open, client) => {
    const lease = await acquireLease(await open(), request())
    const thief = await open()
    const claim = { holder: 'thief', leaseTime: 30_000, plan: undefined, connectedAt: undefined }
    await stopHeart(client)
    expect(await takeLease(thief, 'kei', { ...claim, expiredHeartbeat: undefined })).toBeUndefined()
    const seen = (await readLease(thief, 'kei')).heartbeat
    // A heartbeat that waited behind a transaction came, and is long ago by now.
    expect(await beat(client, 'kei', lease.token, -1000)).toBe(true)
    expect(await takeLease(thief, 'kei', { ...claim, expiredHeartbeat: seen })).toBeUndefined()
    const { heartbeat } = await readLease(thief, 'kei')
    expect(await takeLease(thief, 'kei', { ...claim, expiredHeartbeat: heartbeat })).toMatchObject({ from: 'expired' })
  })
})

it('a copy of a database that was being migrated says so, and is free', async () => {
  await withSessions('direct', async (open, client) => {
    await acquireLease(await open(), request())
    await client.query('UPDATE kei.lease SET database_oid = 1')
    const events: MigrationEvent[] = []
    const lease = await acquireLease(await open(), request({ onEvent: (event) => void events.push(event) }))
    expect(lease.token).toBe('2')
    expect(events).toMatchObject([{ event: 'notice', message: expect.stringContaining('was copied from') }])
    await lease.release()
    await client.query(`UPDATE kei.lease SET released_at = NULL, system_identifier = '1'`)
    expect(await acquireLease(await open(), request())).toMatchObject({ token: '3' })
  })
})

it('an interrupted wait ends at once', async () => {
  await withSessions('direct', async (open) => {
    await acquireLease(await open(), request())
    const controller = new AbortController()
    const waiting = acquireLease(await open(), request({ signal: controller.signal })).catch((error: unknown) => error)
    await delay(200)
    controller.abort()
    expect(await waiting).toMatchObject({ code: 'interrupted', exitCode: 130 })
  })
})

describe.skipIf(pgBouncerProgram === undefined)('a pooler that keeps the waiting run waiting', () => {
  it.each([
    ['ends its connection', { query_wait_timeout: 1 }, 20_000, 'connection-lost'],
    ['says nothing', {}, 100, 'lease-wait-timeout'],
  ])('%s: an error that says so', async (_, settings, waitTimeout, code) => {
    await withDatabase(17, async (client) => {
      await createKeiSchema(client, 'kei')
      await withPgBouncer(client, { poolSize: 1, settings }, async (pooler) => {
        const [waiting, work] = [await sessionOf(await pooler.connect()), await pooler.connect()]
        await work.query('BEGIN')
        const refused = await acquireLease(waiting, request({ waitTimeout })).catch((error: unknown) => error)
        expect(refused).toMatchObject({ code, exitCode: 4 })
        await work.query('COMMIT')
        // The question that was on its way is answered now, and gives back what nobody holds.
        const free = () => client.query('SELECT FROM kei.lease WHERE released_at IS NOT NULL')
        await expect.poll(async () => (await free()).rowCount).toBe(1)
        await Promise.all([waiting, { client: work }].map(({ client }) => client.end()))
      })
    })
  })
})
