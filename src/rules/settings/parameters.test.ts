import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { escapeIdentifier, escapeLiteral } from 'pg'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parameterTableText, parametersQuery } from '../../../scripts/generate-server-parameters.js'
import { acquireShadow } from '../../postgres/shadow/acquire.ts'
import type { Shadow } from '../../postgres/shadow/shadow.ts'
import { cacheFolder } from '../../config/cache-folder.ts'
import { majors } from '../../../test/postgres.ts'
import type { Major } from '../../../test/postgres.ts'
import { readValue } from './parameter-value.ts'
import { findParameter, parameterNames } from './parameters.ts'
import type { Parameter } from './parameters.ts'

// ALTER SYSTEM changes a whole server, so these tests have their own.
const sessions = new Map<Major, { shadow: Shadow; client: Client }>()

beforeAll(async () => {
  for (const major of majors) {
    const shadow = await acquireShadow({ major, project: 'settings of the tests of kei', cacheFolder: cacheFolder() })
    sessions.set(major, { shadow, client: await shadow.connect({ database: 'postgres' }) })
  }
})

afterAll(async () => {
  for (const { shadow, client } of sessions.values()) {
    await client.query('ALTER SYSTEM RESET ALL')
    await client.end()
    await shadow.release()
  }
})

function clientOf(major: Major): Client {
  const session = sessions.get(major)
  if (session === undefined) throw new Error(`no server of ${major}`)
  return session.client
}

/** What the server says to a value; undefined when it takes it. */
async function refusalOf(client: Client, name: string, value: string): Promise<string | undefined> {
  try {
    await client.query(`ALTER SYSTEM SET ${escapeIdentifier(name)} = ${escapeLiteral(value)}`)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test('the table is what pg_settings says on every major', async () => {
  const rows = new Map(
    await Promise.all(
      majors.map(async (major) => [major, (await clientOf(major).query(parametersQuery)).rows] as const),
    ),
  )
  const text = readFileSync(new URL('parameter-table.ts', import.meta.url), 'utf8')
  expect(text, 'run `node scripts/generate-server-parameters.js`').toBe(parameterTableText(rows))
})

/** What a check hook says, which asks the machine, the build or another setting; of a number it does not show the text. */
const besides = /": -?[\d.e+]+$|not supported by this build$/

describe.each(majors)('on PostgreSQL %i', (major) => {
  const parameters = parameterNames(major)
    .map((name) => findParameter(name, major))
    .filter((each): each is Parameter => typeof each === 'object' && each.context !== 'internal')
    .filter(({ name }) => !cannotBeAltered.has(name))

  test('an enum takes the words that are known, and no other', async () => {
    const enums = parameters.filter(({ type }) => type === 'enum')
    const words = [...new Set(enums.flatMap((each) => each.words)), 'debug', 'of', 'tru', 'ON', 'ALWAYS', ' on', '']
    const differing: string[] = []
    for (const parameter of enums) {
      for (const word of words) {
        const refusal = await refusalOf(clientOf(major), parameter.name, word)
        const isTaken = 'value' in readValue(parameter, word)
        if (isTaken !== (refusal === undefined)) differing.push(`${parameter.name} = ${word}: ${refusal}`)
      }
    }
    expect(differing.filter((each) => !ofSomeBuilds.test(each))).toEqual([])
  })

  test('a value is taken exactly when the server takes it, and means the same', async () => {
    const others = parameters.filter(({ type }) => type !== 'enum' && type !== 'string')
    const samples = fc.sample(fc.tuple(fc.constantFrom(...others), written), { numRuns: 1_500, seed: 20261123 })
    let taken = 0
    for (const [parameter, value] of samples) {
      const refusal = await refusalOf(clientOf(major), parameter.name, value)
      const reading = readValue(parameter, value)
      if (refusal !== undefined && besides.test(refusal)) continue
      expect('value' in reading, `${parameter.name} = ${JSON.stringify(value)}: ${refusal}`).toBe(refusal === undefined)
      if ('value' in reading) taken++
    }
    expect(taken).toBeGreaterThan(200)
  })

  test('numbers with units come to what the server makes of them', async () => {
    for (const [name, value] of sampleSizes) {
      const parameter = findParameter(name, major)
      if (typeof parameter !== 'object') throw new Error(name)
      const { rows } = await clientOf(major).query<{ setting: string }>(
        `SELECT set_config($1, $2, false), (SELECT setting FROM pg_settings WHERE name = $1) AS setting`,
        [name, value],
      )
      void rows
      const shown = await clientOf(major).query<{ setting: string }>(
        'SELECT setting FROM pg_settings WHERE name = $1',
        [name],
      )
      expect(readValue(parameter, value), `${name} = ${value}`).toEqual({ value: Number(shown.rows[0]?.setting) })
    }
  })
})

const cannotBeAltered = new Set([
  'allow_alter_system',
  'config_file',
  'data_directory',
  'external_pid_file',
  'hba_file',
  'ident_file',
])

const ofSomeBuilds =
  /^(?:default_toast_compression|dynamic_shared_memory_type|io_method|wal_compression|wal_sync_method) /

/** Values that people write, and what lies beside them. */
const written = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('on', 'OFF', 'yes', 'No', 't', 'fa', 'o', 'of', '1', '0', 'tru', 'truee', ''),
  },
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.constantFrom('', '', '', '-', '+', ' '),
        fc.oneof(
          fc.integer({ min: 0, max: 3_000 }).map(String),
          fc.constantFrom(
            '0',
            '1',
            '2147483647',
            '2147483648',
            '1e3',
            '0x1F',
            '010',
            '08',
            '.5',
            '1.5',
            '30.1',
            '1e',
            '5.',
          ),
        ),
        fc.constantFrom('', '', ' ', '\t'),
        fc.constantFrom('', '', '', 'B', 'kB', 'KB', 'MB', 'GB', 'TB', 'us', 'ms', 's', 'min', 'h', 'd', 'mins', 'm'),
        fc.constantFrom('', '', ' '),
      )
      .map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: fc.constantFrom('inf', 'nan', 'ten', '1,000', '0x', '1 2', "'1'") },
)

const sampleSizes = [
  ['work_mem', '64MB'],
  ['work_mem', '1.5GB'],
  ['work_mem', '0x400'],
  ['work_mem', '100000 B'],
  ['work_mem', '99.9kB'],
  ['temp_buffers', '10.3MB'],
  ['temp_buffers', '1000'],
  ['statement_timeout', '30s'],
  ['statement_timeout', '1.5min'],
  ['statement_timeout', '1499600us'],
  ['statement_timeout', '2500500 us'],
  ['idle_in_transaction_session_timeout', '1d'],
  ['idle_session_timeout', '2.5h'],
  ['random_page_cost', '1.1'],
  ['cursor_tuple_fraction', '1e-1'],
  ['vacuum_cost_delay', '1500us'],
] as const
