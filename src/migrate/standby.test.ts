import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyFiles, sourceOf } from '../../test/applied.ts'
import { forget } from '../../test/trace.ts'
import { cacheFolder } from '../config/cache-folder.ts'
import type { Session } from '../postgres/connect/connect.ts'
import { identifyServer } from '../postgres/connect/server.ts'
import { runAsServer, serverUser } from '../postgres/server-user.ts'
import { findInstallation } from '../postgres/shadow/installation.ts'
import { serverFolder } from '../postgres/shadow/private-folder.ts'
import { runnablePrograms } from '../postgres/shadow/server-tree.ts'
import { drift } from './drift.ts'
import { planRun } from './plan.ts'

// A short path: that of a socket is limited to about 100 bytes.
const folder = mkdtempSync('/tmp/kei-standby-')
const server = join(folder, 'server')
const data = join(server, 'data')
const port = 6021
let bin: string

const source = sourceOf(17, {
  '1_a.sql': 'create table t (a int primary key, b text); insert into t values (1);',
  '2_b.sql': 'alter table t alter b type varchar(20);',
})
const applied = { ...source, migrations: source.migrations.slice(0, 1) }

function run(program: string, ...args: string[]): Promise<unknown> {
  return runAsServer(serverUser(), program.startsWith('/') ? program : join(bin, program), args)
}

function start(): Promise<unknown> {
  const settings = `-k ${server} -p ${port} -c listen_addresses= -c fsync=off`
  return run('pg_ctl', 'start', '-w', '-D', data, '-l', join(server, 'log'), '-o', settings)
}

function stop(): Promise<unknown> {
  return run('pg_ctl', 'stop', '-w', '-m', 'fast', '-D', data)
}

async function connect(): Promise<Session> {
  const client = new Client({ host: server, port, user: 'postgres', database: 'postgres', ssl: false })
  client.on('error', () => undefined)
  await client.connect()
  return { client, server: await identifyServer(client), candidate: { host: server, port }, encrypted: false }
}

beforeAll(async () => {
  bin = await runnablePrograms(findInstallation(17), cacheFolder(), 'user')
  chmodSync(folder, 0o711)
  serverFolder(server)
  await run('initdb', '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C')
  await start()
  const { client } = await connect()
  await applyFiles(client, applied)
  await client.query('create table stranger (a int)')
  await client.end()
  await stop()
  await run('/usr/bin/touch', join(data, 'standby.signal'))
  await start()
})

afterAll(async () => {
  await stop().catch(() => undefined)
  rmSync(folder, { recursive: true })
  forget(source.folder)
})

test('drift and plan read a standby', async () => {
  const settings = { schema: 'kei' }
  const report = await drift({ source: applied, settings, connect, privileges: true })
  expect(report.differences.map(({ change, name }) => `${change} ${name}`)).toEqual(['unexpected public.stranger'])
  const plan = await planRun({ source, schema: 'kei', connect })
  expect(plan.migrations.map(({ version }) => version)).toEqual(['2'])
  expect(plan.live?.sizes.map(({ relation }) => relation)).toContain('public.t')
})
