import { expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { readAuthentication } from './live.ts'

test.each(majors)('reads who may log in to a server of PostgreSQL %i, in a transaction that goes on', (major) =>
  withDatabase(major, async (client) => {
    await client.query('BEGIN READ ONLY')
    expect(await readAuthentication(client)).toEqual({
      from: 'server',
      records: [
        {
          type: 'local',
          databases: [{ text: 'all', quoted: false }],
          users: [{ text: 'all', quoted: false }],
          method: 'scram-sha-256',
          options: [],
          at: { kind: 'setting', name: expect.stringMatching(/\/pg_hba\.conf:1$/) as string },
        },
      ],
      faults: [],
      unread: [],
    })
    await client.query('COMMIT')
  }),
)

test('a role that may not ask is told apart, and its transaction goes on', () =>
  withDatabase(17, async (client, database) => {
    await client.query(`CREATE ROLE ${database}_reader`)
    try {
      await client.query(`BEGIN READ ONLY; SET LOCAL ROLE ${database}_reader`)
      expect(await readAuthentication(client)).toBeUndefined()
      const { rows } = await client.query('SELECT current_user AS name')
      expect(rows).toEqual([{ name: `${database}_reader` }])
      await client.query('COMMIT')
    } finally {
      await client.query(`DROP ROLE ${database}_reader`)
    }
  }))
