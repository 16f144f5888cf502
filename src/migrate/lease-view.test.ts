import type { Client } from 'pg'
import { expect, it } from 'vitest'
import { withDatabase } from '../../test/postgres.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import { createKeiSchema } from './kei-schema.ts'
import { acquireLease } from './lease.ts'
import { endLease, leaseState } from './lease-view.ts'

async function withTwo(work: (holder: Session, viewer: Session) => Promise<void>): Promise<void> {
  await withDatabase(17, async (client, database, shadow) => {
    const other = await shadow.connect({ database })
    try {
      await work(await sessionOf(other), await sessionOf(client))
    } finally {
      await other.end()
    }
  })
}

async function sessionOf(client: Client): Promise<Session> {
  return { client, server: await identifyServer(client), candidate: { host: client.host, port: 0 }, encrypted: false }
}

const request = {
  settings: { schema: 'kei', waitTimeout: 3000, leaseTime: 30_000 },
  command: 'migrate up',
  onEvent: () => undefined,
}

it('shows who has the lease, and refuses to end one whose holder is alive', () =>
  withTwo(async (holder, viewer) => {
    expect(await leaseState(viewer, 'kei')).toBeUndefined()
    expect(await endLease(viewer, 'kei')).toBeUndefined()
    await createKeiSchema(viewer.client, 'kei')
    expect(await leaseState(viewer, 'kei')).toBeUndefined()
    const lease = await acquireLease(holder, request)
    expect(await leaseState(viewer, 'kei')).toMatchObject({
      holder: expect.stringContaining(`process ${process.pid}, kei migrate up`),
      expired: false,
      session: 'connected',
      transactions: [],
      dead: false,
    })
    await expect(endLease(viewer, 'kei')).rejects.toMatchObject({ code: 'lease-held', exitCode: 4 })
    await lease.release()
    expect(await leaseState(viewer, 'kei')).toBeUndefined()
  }))

it('ends one whose session is gone, and the token with it', () =>
  withTwo(async (holder, viewer) => {
    await createKeiSchema(viewer.client, 'kei')
    const lease = await acquireLease(holder, request)
    await holder.client.end()
    await expect.poll(async () => (await leaseState(viewer, 'kei'))?.session).toBe('gone')
    expect(await endLease(viewer, 'kei')).toMatchObject({ dead: true })
    expect(await leaseState(viewer, 'kei')).toBeUndefined()
    await expect(viewer.client.query(lease.proof)).rejects.toMatchObject({ code: '22012' })
    expect((await acquireLease(viewer, request)).token).toBe('3')
  }))

it('does not end an expired one while its transaction is open; afterwards its holder finds out', () =>
  withTwo(async (holder, viewer) => {
    await createKeiSchema(viewer.client, 'kei')
    const lease = await acquireLease(holder, { ...request, settings: { ...request.settings, leaseTime: 600 } })
    await holder.client.query('BEGIN')
    await holder.client.query(lease.proof)
    await viewer.client.query(`UPDATE kei.lease SET expires_at = now() - interval '1 hour'`)
    await expect(endLease(viewer, 'kei')).rejects.toMatchObject({
      code: 'lease-held',
      message: expect.stringContaining('is still open (pid '),
    })
    await holder.client.query('COMMIT')
    await viewer.client.query(`UPDATE kei.lease SET expires_at = now() - interval '1 hour'`)
    expect(await endLease(viewer, 'kei')).toMatchObject({ expired: true, session: 'connected' })
    await expect.poll(() => lease.lost()?.code, { timeout: 3000 }).toBe('lease-lost')
  }))
