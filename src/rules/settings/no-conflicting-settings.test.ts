import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ServerSettings } from '../../findings/server-settings.ts'
import { serverEnvironment, serverUser } from '../../postgres/server-user.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import rule from './no-conflicting-settings.ts'

type Values = Record<string, string>

/** Of the server that runs. */
interface Places {
  programs: string
  data: string
}

function settingsOf(values: Values): ServerSettings {
  const settings = Object.entries(values).map(
    ([name, value]) => [name, { name, value, at: { kind: 'setting', name } }] as const,
  )
  return { from: 'file', settings: new Map(settings), overridden: [], faults: [], unread: [], ownValues: new Set() }
}

/**
 * What a server says that is to start with these settings on the data of one that runs: it looks at the settings
 * before it sees that the data is in use.
 */
function start({ programs, data }: Places, values: Values): Promise<string> {
  const defaults = { listen_addresses: '', max_wal_senders: '10', max_connections: '100', archive_mode: 'off' }
  const all = { ...defaults, superuser_reserved_connections: '3', ...values }
  const args = ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  return new Promise((resolve) => {
    const options = { ...serverUser(), cwd: '/', env: serverEnvironment() }
    execFile(join(programs, 'postgres'), args, options, (_, stdout, stderr) => resolve(stdout + stderr))
  })
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  let places: Places = { programs: '', data: '' }
  beforeAll(async () => {
    await withDatabase(major, async (client) => {
      const { rows } = await client.query<Places>(
        `SELECT setting AS programs, current_setting('data_directory') AS data FROM pg_config WHERE name = 'BINDIR'`,
      )
      places = rows[0] ?? places
    })
  })

  test.each<[Values, boolean]>([
    [{ wal_level: 'minimal' }, true],
    [{ wal_level: 'minimal', max_wal_senders: '0' }, false],
    [{ wal_level: 'minimal', max_wal_senders: '0', archive_mode: 'on' }, true],
    [{ wal_level: 'minimal', max_wal_senders: '0', archive_mode: 'always' }, true],
    [{ wal_level: 'replica', archive_mode: 'on' }, false],
    [{ max_connections: '10', superuser_reserved_connections: '7', reserved_connections: '3' }, true],
    [{ max_connections: '10', superuser_reserved_connections: '6', reserved_connections: '3' }, false],
    [{ max_connections: '3' }, true],
    ...(major < 17
      ? []
      : ([
          [{ wal_level: 'minimal', max_wal_senders: '0', summarize_wal: 'on' }, true],
          [{ wal_level: 'replica', summarize_wal: 'on' }, false],
        ] as [Values, boolean][])),
  ])('%j: refused at the start: %s', async (values, refused) => {
    const verdicts = [...rule.check(settingsOf(values), { major, today: '2026-11-23', options: {} })]
    expect(verdicts).toHaveLength(refused ? 1 : 0)
    const said = await start(places, values)
    if (refused) expect(said).not.toMatch(/lock file .* already exists/)
    else expect(said).toMatch(/lock file .* already exists/)
  })
})
