import type { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import { acceptEdit } from './accept-edit.ts'
import { baseline } from './baseline.ts'
import { checksumOf, statementHash } from './checksum.ts'
import { openHistory } from './history-table.ts'
import type { NewHistoryRow } from './history.ts'
import { readHeader } from '../sql/file-header.ts'
import type { Migration, MigrationText } from './migration.ts'
import { resolveStatement } from './resolve.ts'
import { defaultSettings } from './run-request.ts'
import type { RunRequest } from './run-request.ts'
import { migrationStatus, migrationVerification } from './status.ts'

function textOf(file: string, text: string): MigrationText {
  return { file, text, header: readHeader(text).header, checksum: checksumOf(text) }
}

function migrationOf(version: string, text = `CREATE TABLE t${version} ()`): Migration {
  return { version, name: 'step', up: textOf(`migrations/${version}_step.sql`, text) }
}

const procedure = 'CALL first(); CALL second();'
const migrations = [
  ...['0001', '0002', '0003', '0004'].map((version) => migrationOf(version)),
  migrationOf('0005', `-- kei: transaction none\n${procedure}`),
]

interface Place {
  client: Client
  request: RunRequest
  add(...rows: (Partial<NewHistoryRow> & { version: string })[]): Promise<void>
}

async function withRequest(work: (place: Place) => Promise<void>, major: 16 | 17 | 18 = 17): Promise<void> {
  await withDatabase(major, async (client, database, shadow) => {
    const request: RunRequest = {
      settings: { ...defaultSettings, waitTimeout: 3000 },
      migrations,
      async connect() {
        const client = await shadow.connect({ database })
        return { client, server: await identifyServer(client), candidate: { host: '', port: 0 }, encrypted: false }
      },
      onEvent: () => undefined,
    }
    const history = openHistory('kei')
    await work({
      client,
      request,
      async add(...rows) {
        await history.create(client)
        for (const changes of rows) {
          const up = migrations.find(({ version }) => version === changes.version)?.up
          const row: NewHistoryRow = {
            event: 'ran',
            direction: 'up',
            name: 'step',
            first: 1,
            last: 1,
            hashes: ['a'],
            complete: true,
            checksum: up?.checksum ?? '1:none',
            ...changes,
          }
          await client.query(history.insertion(row, '0'))
        }
      },
    })
  })
}

async function statesOf(request: RunRequest): Promise<Record<string, string>> {
  const { migrations } = await migrationStatus(request)
  return Object.fromEntries(migrations.map(({ version, state }) => [version, state]))
}

function intentOf(pid: number, backendStart: string, kind = 'may-commit'): NewHistoryRow['intent'] {
  return { statement: 'CALL second()', pid, backendStart, before: { kind } }
}

describe('baseline', () => {
  it.each(majors)('makes kei’s tables, records each file up to the version, and may be run again (%i)', (major) =>
    withRequest(async ({ client, request }) => {
      const planned = await baseline({ ...request, version: '3', dryRun: true })
      expect(planned.recorded).toHaveLength(3)
      expect(await openHistory('kei').exists(client)).toBe(false)
      expect(await baseline({ ...request, version: '3' })).toEqual({
        recorded: ['0001', '0002', '0003'].map((version) => ({ version, name: 'step' })),
        already: 0,
      })
      expect(await statesOf(request)).toMatchObject({ '0003': 'applied', '0004': 'pending' })
      expect(await baseline({ ...request, version: '0004' })).toMatchObject({
        recorded: [{ version: '0004' }],
        already: 3,
      })
      expect(await baseline({ ...request, version: '2' })).toEqual({ recorded: [], already: 2 })
      const texts = await openHistory('kei').readTexts(client)
      expect(texts.get('1')).toEqual({ up: 'CREATE TABLE t0001 ()' })
      const { rows } = await client.query('SELECT released_at IS NOT NULL AS free FROM kei.lease')
      expect(rows).toEqual([{ free: true }])
    }, major),
  )

  it('makes nothing where the version is not in the folder', () =>
    withRequest(async ({ client, request }) => {
      await expect(baseline({ ...request, version: '0006' })).rejects.toMatchObject({
        code: 'version-not-found',
        hint: expect.stringContaining('Did you mean'),
      })
      expect(await openHistory('kei').exists(client)).toBe(false)
    }))

  it('does not hide a file that was merged late, taken back or is under way', () =>
    withRequest(async ({ request, add }) => {
      await add({ version: '0001' }, { version: '0003' })
      await expect(baseline({ ...request, version: '2' })).rejects.toMatchObject({ code: 'baseline-behind-history' })
      await add({ version: '0003', direction: 'down' })
      await expect(baseline({ ...request, version: '3' })).rejects.toMatchObject({
        message: expect.stringContaining('0003_step.sql was taken back here'),
      })
      expect(await baseline({ ...request, version: '2' })).toMatchObject({ recorded: [{ version: '0002' }] })
      await add({ version: '0004', complete: false })
      await expect(baseline({ ...request, version: '4' })).rejects.toMatchObject({ code: 'baseline-behind-history' })
    }))
})

describe('accept-edit', () => {
  it('writes the new checksum with the reason, and refuses where nothing differs', () =>
    withRequest(async ({ client, request, add }) => {
      await add({ version: '0001', checksum: '1:before' }, { version: '0002' })
      expect(await statesOf(request)).toMatchObject({ '0001': 'edited' })
      expect(await migrationVerification(request)).toMatchObject([
        { version: '0001', verdict: 'edited' },
        { version: '0002', verdict: 'ok' },
      ])
      await expect(acceptEdit({ ...request, version: '1', reason: ' ' })).rejects.toMatchObject({
        code: 'reason-missing',
      })
      expect(await acceptEdit({ ...request, version: '1', reason: 'typo' })).toMatchObject({ before: '1:before' })
      expect(await statesOf(request)).toMatchObject({ '0001': 'applied' })
      expect((await openHistory('kei').read(client)).at(-1)).toMatchObject({
        event: 'edit',
        reason: 'typo',
        token: '1',
      })
      for (const version of ['1', '2', '4']) {
        await expect(acceptEdit({ ...request, version, reason: 'x' })).rejects.toMatchObject({
          code: 'nothing-to-accept',
        })
      }
    }))
})

describe('resolve', () => {
  const gone = { first: 2, last: 2, hashes: [statementHash('CALL second()')], complete: false }

  it('done makes the file whole, redo leaves the statement to be run', () =>
    withRequest(async ({ client, request, add }) => {
      const first = { version: '0005', hashes: [statementHash('CALL first()')], complete: false }
      await add(first, { version: '0005', event: 'intent', ...gone, intent: intentOf(1, 'long ago') })
      const { migrations } = await migrationStatus(request)
      expect(migrations.at(-1)).toMatchObject({
        state: 'partly-applied',
        statements: { done: 1, total: 2 },
        open: { statement: 2, text: 'CALL second()' },
      })
      const resolution = { ...request, version: '5', statement: 2, reason: 'looked' } as const
      await expect(resolveStatement({ ...resolution, statement: 1, outcome: 'done' })).rejects.toMatchObject({
        code: 'nothing-to-resolve',
      })
      await resolveStatement({ ...resolution, outcome: 'redo' })
      expect((await migrationStatus(request)).migrations.at(-1)?.open).toBeUndefined()
      await add({ version: '0005', event: 'intent', ...gone, intent: intentOf(1, 'long ago') })
      await resolveStatement({ ...resolution, outcome: 'done' })
      expect(await statesOf(request)).toMatchObject({ '0005': 'applied' })
      expect((await openHistory('kei').read(client)).at(-1)).toMatchObject({
        event: 'ran',
        reason: 'looked',
        ...gone,
        complete: true,
      })
    }))

  it('refuses while the session is connected, and where the catalog can tell', () =>
    withRequest(async ({ client, request, add }) => {
      const { rows } = await client.query<{ pid: number; start: string }>(
        `SELECT pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS start
         FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      )
      const { pid = 0, start = '' } = rows[0] ?? {}
      const resolution = { ...request, version: '5', statement: 2, reason: 'looked', outcome: 'done' } as const
      await add({ version: '0005', event: 'intent', ...gone, intent: intentOf(pid, start) })
      await expect(resolveStatement(resolution)).rejects.toMatchObject({ code: 'session-still-connected' })
      await add({ version: '0005', event: 'intent', ...gone, intent: intentOf(1, 'then', 'create-index') })
      await expect(resolveStatement(resolution)).rejects.toMatchObject({ code: 'resolve-not-needed' })
    }))
})

describe('status', () => {
  it('says that everything is pending where kei has no tables', () =>
    withRequest(async ({ request }) => {
      const status = await migrationStatus(request)
      expect(status).toMatchObject({ initialized: false, problems: [] })
      expect(status.pending).toHaveLength(5)
    }))

  it('shows who migrates, and what stands in the way', () =>
    withRequest(async ({ client, request, add }) => {
      await add({ version: '0001' }, { version: '0003' }, { version: '0009', name: 'lost' })
      await client.query('UPDATE kei.lease SET released_at = NULL, pid = 1')
      const status = await migrationStatus(request)
      expect(status.newest).toBe('0009')
      expect(status.lease).toMatchObject({ session: 'gone', dead: true })
      expect(status.problems.map(({ code }) => code)).toEqual([
        'out-of-order-migration',
        'out-of-order-migration',
        'out-of-order-migration',
        'missing-migration',
      ])
    }))
})
