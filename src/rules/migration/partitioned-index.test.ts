import { expect, test } from 'vitest'
import { history, judgeExample } from '../../../test/contract/examples.ts'
import { withDatabase } from '../../../test/postgres.ts'
import { partitionedIndex } from '../../migrate/outside/partitioned-index.ts'
import { loadParser } from '../../sql/parse.ts'
import { nodeOf } from '../../sql/statement.ts'
import rule from './require-concurrent-index.ts'

const parser = await loadParser()
const long = 'a_partition_with_a_name_that_leaves_little_room_for_columns'
const made =
  'CREATE TABLE p (n int, other int) PARTITION BY RANGE (n); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5); ' +
  `CREATE TABLE ${long} PARTITION OF p DEFAULT; CREATE TABLE p1_n_idx (a int);`

test('the partitions’ indexes have the names that PostgreSQL chooses, for kei check and for kei migrate up', async () => {
  const chosen = await withDatabase(17, async (client) => {
    await client.query(made)
    await client.query('CREATE INDEX p_n ON p (n)')
    const { rows } = await client.query<{ name: string }>(
      "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'p_n'::regclass",
    )
    return rows.map(({ name }) => name).sort()
  })
  const { findings } = await judgeExample(rule, history(made, 'CREATE INDEX CONCURRENTLY p_n ON p (n);'), 17, 'text')
  const named = [...(findings[0]?.next ?? '').matchAll(/CONCURRENTLY (\S+) ON/g)].map((match) => match[1])
  expect(named.sort()).toEqual(chosen)

  const parsed = parser.parse('CREATE INDEX CONCURRENTLY p_n ON p (n)')
  const [statement] = parsed.kind === 'parsed' ? parsed.statements : []
  const index = statement && nodeOf(statement.node, 'IndexStmt')
  if (statement === undefined || index === undefined) throw new Error('no index')
  const relation = (oid: string, name: string) => ({ oid, schema: 'public', name, kind: 'r' as const, parent: '1' })
  const lines = partitionedIndex(
    statement,
    index,
    { oid: '1', schema: 'public', name: 'p', kind: 'p' },
    [relation('2', 'p1'), relation('3', long)],
    new Set(['public.p1_n_idx']),
  )
  const byRunner = lines.flatMap((line) => /CONCURRENTLY (\S+) ON/.exec(line)?.[1] ?? [])
  expect(byRunner.sort()).toEqual(chosen)
})
