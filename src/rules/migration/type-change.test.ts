import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { majors, withDatabase } from '../../../test/postgres.ts'
import { measure } from '../../../test/contract/measure.ts'
import { modifiersOf, typeNameOf } from '../../sql/declarations.ts'
import { loadParser } from '../../sql/parse.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { ColumnType } from '../type-fit.ts'
import { typeChange } from './type-change.ts'

const parser = await loadParser()

// Within each group every type is changed into every other, where PostgreSQL does that without USING.
const groups = {
  text: ['text', 'varchar', 'varchar(5)', 'varchar(9)', 'bpchar', 'char(5)', 'char(9)', 'name', 'xml', 'json', 'jsonb'],
  numbers: [
    ...['smallint', 'int', 'bigint', 'oid', 'regclass', 'real', 'double precision', 'money'],
    ...['numeric', 'numeric(5)', 'numeric(9)', 'numeric(5,2)', 'numeric(9,2)', 'numeric(9,4)'],
  ],
  times: [
    ...['timestamp', 'timestamp(3)', 'timestamp(6)', 'timestamptz', 'timestamptz(3)', 'timestamptz(6)', 'date'],
    ...['time', 'time(3)', 'timetz', 'timetz(3)'],
  ],
  intervals: [
    'interval',
    'interval(3)',
    'interval(6)',
    'interval day',
    'interval day to second',
    'interval second(3)',
    'interval year',
  ],
  bits: ['bit(5)', 'bit(9)', 'varbit', 'varbit(5)', 'varbit(9)'],
  addresses: ['inet', 'cidr', 'macaddr', 'macaddr8'],
  arrays: ['text[]', 'varchar(5)[]', 'varchar(9)[]', 'int[]', 'bigint[]'],
}

// They have no B-tree operator class.
const unindexed = ['json', 'xml', 'point']

describe.each(majors)('on PostgreSQL %i', (major) => {
  test.each(Object.entries(groups))('what is said of %s is what the server does', async (_, types) => {
    const wrong: string[] = []
    await withDatabase(major, async (client, database, shadow) => {
      for (const zone of types.includes('date') ? ['UTC', 'Europe/Paris'] : ['UTC']) {
        await client.query(`SET timezone = '${zone}'`)
        for (const from of types) {
          for (const to of types) {
            const seen = await change(client, from, to, () => shadow.connect({ database }))
            const said = typeChange(columnType(from), columnType(to))
            if (seen !== undefined && !agrees(said, seen, zone)) wrong.push(`${from} to ${to}: ${JSON.stringify(seen)}`)
          }
        }
      }
    })
    expect(wrong).toEqual([])
  })
})

interface Seen {
  rewritten: boolean
  /** Undefined where neither can be indexed. */
  rebuilt: boolean | undefined
}

function agrees(said: ReturnType<typeof typeChange>, { rewritten, rebuilt }: Seen, zone: string): boolean {
  const isRewritten = said.rows === 'rewritten' || (said.rows === 'by TimeZone' && zone !== 'UTC')
  if (isRewritten !== rewritten) return false
  return (
    rewritten ||
    rebuilt === undefined ||
    (said.rows !== 'rewritten' && said.rows !== 'unknown' && (said.index === 'rebuilt') === rebuilt)
  )
}

async function change(
  client: Client,
  from: string,
  to: string,
  connect: Parameters<typeof measure>[2],
): Promise<Seen | undefined> {
  const isIndexed = ![from, to].some((type) => unindexed.includes(type))
  await client.query(`DROP TABLE IF EXISTS t; CREATE TABLE t (a ${from}); ${isIndexed ? 'CREATE INDEX ON t (a);' : ''}`)
  await client.query('INSERT INTO t VALUES (NULL)')
  try {
    const { rewrites, scans } = await measure(client, `ALTER TABLE t ALTER COLUMN a TYPE ${to}`, connect)
    return { rewritten: rewrites.length > 0, rebuilt: isIndexed ? scans.length > 0 : undefined }
  } catch {
    await client.query('ROLLBACK')
    return undefined
  }
}

function columnType(text: string): ColumnType {
  const parsed = parser.parse(`ALTER TABLE t ADD a ${text}`)
  const [statement] = parsed.kind === 'parsed' ? parsed.statements : []
  const command = statement && statementOf(statement, 'AlterTableStmt')?.cmds?.[0]
  const { typeName } = nodeOf(nodeOf(command, 'AlterTableCmd')?.def, 'ColumnDef') ?? {}
  return { type: typeNameOf(typeName), modifiers: modifiersOf(typeName) }
}
