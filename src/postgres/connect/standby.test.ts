import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cacheFolder } from '../../config/cache-folder.ts'
import { KeiError } from '../../errors.ts'
import { runAsServer, serverUser } from '../server-user.ts'
import { findInstallation } from '../shadow/installation.ts'
import { serverFolder } from '../shadow/private-folder.ts'
import { runnablePrograms } from '../shadow/server-tree.ts'
import { connect } from './connect.ts'
import { resolveConnection } from './resolve.ts'
import { readSurroundings } from './surroundings.ts'

// A short path: that of a socket is limited to about 100 bytes.
const folder = mkdtempSync('/tmp/kei-standby-')
const server = join(folder, 'server')
let bin: string
const names = ['primary', 'standby'] as const
const ports = { primary: 6001, standby: 6002 }

async function run(program: string, ...args: string[]): Promise<unknown> {
  return runAsServer(serverUser(), program.startsWith('/') ? program : join(bin, program), args)
}

function start(name: (typeof names)[number]): Promise<unknown> {
  const settings = `-k ${server} -p ${ports[name]} -c listen_addresses= -c fsync=off`
  const places = ['-D', join(server, name), '-l', join(server, `${name}.log`)]
  return run('pg_ctl', 'start', '-w', ...places, '-o', settings)
}

function stop(name: (typeof names)[number]): Promise<unknown> {
  return run('pg_ctl', 'stop', '-w', '-m', 'fast', '-D', join(server, name))
}

beforeAll(async () => {
  bin = await runnablePrograms(findInstallation(17), cacheFolder(), 'user')
  chmodSync(folder, 0o711)
  serverFolder(server)
  await run('initdb', '-D', join(server, 'primary'), '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C')
  await run('/bin/cp', '-R', join(server, 'primary'), join(server, 'standby'))
  await run('/usr/bin/touch', join(server, 'standby', 'standby.signal'))
  await Promise.all(names.map(start))
})

afterAll(async () => {
  await Promise.allSettled(names.map(stop))
  rmSync(folder, { recursive: true })
})

async function portOf(order: (typeof names)[number][], attributes: string): Promise<number> {
  const hosts = order.map(() => server).join(',')
  const url = `host=${hosts} port=${order.map((name) => ports[name]).join(',')} target_session_attrs=${attributes}`
  const surroundings = { ...readSurroundings(), environment: {}, homeDirectory: folder }
  const resolved = resolveConnection(surroundings, { name: '--url', text: `${url} user=postgres`, by: 'user' })
  const session = await connect(resolved, { applicationName: 'kei/test' })
  await session.client.end()
  expect(session.server.role).toBe(session.candidate.port === ports.standby ? 'standby' : 'primary')
  return session.candidate.port
}

it.each([
  ['any', ports.standby],
  ['primary', ports.primary],
  ['read-write', ports.primary],
  ['standby', ports.standby],
  ['read-only', ports.standby],
  ['prefer-standby', ports.standby],
])('target_session_attrs=%s finds its server behind the standby', async (attributes, port) => {
  expect(await portOf(['standby', 'primary'], attributes)).toBe(port)
})

it('takes the standby, though it is named last, when one is preferred', async () => {
  expect(await portOf(['primary', 'standby'], 'prefer-standby')).toBe(ports.standby)
  expect(await portOf(['primary'], 'prefer-standby')).toBe(ports.primary)
})

it('says that a standby is not what was asked for', async () => {
  const refusal = await portOf(['standby'], 'read-write').catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(KeiError)
  expect(refusal).toMatchObject({ code: 'unsuitable-server', exitCode: 3 })
  expect(String(refusal)).toContain('is a standby, read-only, and target_session_attrs=read-write asks for another')
})
