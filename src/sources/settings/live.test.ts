import { describe, expect, test } from 'vitest'
import requireChecksums from '../../rules/settings/require-checksums.ts'
import requireFsync from '../../rules/settings/require-fsync.ts'
import requireStatementTimeout from '../../rules/settings/require-statement-timeout.ts'
import noInvalidSetting from '../../rules/settings/no-invalid-setting.ts'
import type { Rule } from '../../rules/rule.ts'
import type { ServerSettings } from '../../findings/server-settings.ts'
import { majors, withDatabase } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import { readSettings } from './live.ts'

const judge = (rule: Pick<Rule<'settings'>, 'check'>, settings: ServerSettings, major: Major) =>
  [...rule.check(settings, { major, today: '2026-11-23', options: {} })].flatMap((verdict) =>
    verdict.kind === 'finding' ? [verdict] : [],
  )

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('every parameter of the server has a value, with where it was set', () =>
    withDatabase(major, async (client) => {
      const settings = await readSettings(client)
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_settings WHERE name NOT LIKE '%.%'`,
      )
      expect(settings.settings.size).toBe(rows[0]?.count)
      expect(settings.settings.get('fsync')).toMatchObject({ value: 'off' })
      expect(settings.settings.get('fsync')?.facts?.['set by']).toMatch(/postgresql\.conf:\d+$/)
      const [finding] = judge(requireFsync, settings, major)
      expect(finding).toMatchObject({ at: { kind: 'setting', name: 'fsync' }, object: 'setting fsync' })
      expect(finding?.evidence[0]).toMatchObject({ kind: 'catalog', facts: { fsync: 'off' } })
    }))

  test('what this session sets for itself is not the server’s', () =>
    withDatabase(major, async (client) => {
      await client.query("BEGIN; SET LOCAL statement_timeout = '7s'")
      const settings = await readSettings(client)
      expect(settings.settings.get('statement_timeout')?.value).not.toBe('7000')
      await client.query('COMMIT')
    }))

  test('a role or database with a value of its own is seen', () =>
    withDatabase(major, async (client, database) => {
      const without = await readSettings(client)
      expect(without.ownValues.has('statement_timeout')).toBe(false)
      const found = judge(requireStatementTimeout, without, major).length
      await client.query(`ALTER DATABASE ${database} SET statement_timeout = '30s'`)
      const settings = await readSettings(client)
      expect(settings.ownValues.has('statement_timeout')).toBe(true)
      expect(found).toBe(1)
      expect(judge(requireStatementTimeout, settings, major)).toEqual([])
    }))

  test('checksums are found missing where they are', () =>
    withDatabase(major, async (client) => {
      const { rows } = await client.query<{ data_checksums: string }>('SHOW data_checksums')
      const found = judge(requireChecksums, await readSettings(client), major)
      expect(found).toHaveLength(rows[0]?.data_checksums === 'off' ? 1 : 0)
    }))

  test('a role without rights reads what it may', () =>
    withDatabase(major, async (client, database) => {
      const role = `${database}_role`
      await client.query(`CREATE ROLE ${role}`)
      try {
        await client.query(`BEGIN; SET LOCAL ROLE ${role}`)
        const settings = await readSettings(client)
        expect(settings.settings.get('work_mem')?.value).toBe('4096')
        expect(settings.settings.has('hba_file')).toBe(false)
        expect(judge(noInvalidSetting, settings, major)).toEqual([])
        await client.query('ROLLBACK')
      } finally {
        await client.query(`DROP ROLE ${role}`)
      }
    }))
})
