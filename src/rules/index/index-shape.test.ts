import { expect, test } from 'vitest'
import { withDatabase } from '../../../test/postgres.ts'
import { readCatalog } from '../../postgres/catalog/snapshot.ts'
import { loadParser } from '../../sql/parse.ts'
import { statementOf } from '../../sql/statement.ts'
import { shapeOfCatalogIndex, shapeOfStatement } from './index-shape.ts'

const parser = await loadParser()

const columnIndexes = [
  'CREATE INDEX i ON t (a)',
  'CREATE INDEX i ON t (a DESC, "B c" NULLS FIRST)',
  'CREATE INDEX i ON t (a DESC NULLS LAST, a)',
  'CREATE UNIQUE INDEX i ON t ("B c", a) INCLUDE (d, "e""f")',
  'CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT WITH (fillfactor = 70) WHERE a > 0',
  "CREATE INDEX i ON t (d text_pattern_ops) WHERE d = 'x) USING btree ('",
  'CREATE INDEX i ON t USING hash (a)',
  'CREATE INDEX i ON t USING brin (a, "B c") WITH (pages_per_range = 32)',
  'CREATE INDEX "i USING btree (a)" ON t (d DESC)',
]

test.each(columnIndexes)('%s has one shape, read from its text and from the catalog', async (sql) => {
  await withDatabase(17, async (client) => {
    await client.query('CREATE TABLE t (a int, "B c" int, d text, "e""f" int)')
    await client.query(sql)
    const { indexes } = await readCatalog(client, { schemas: [], names: [] })
    const [index] = indexes
    const parsed = parser.parse(sql)
    const node =
      'statements' in parsed && parsed.statements[0] ? statementOf(parsed.statements[0], 'IndexStmt') : undefined
    if (index === undefined || node === undefined) throw new Error('no index')
    const columns = (node.indexParams ?? []).map((each) => ('IndexElem' in each ? (each.IndexElem.name ?? null) : null))
    const own = shapeOfStatement(node, columns)
    const seen = shapeOfCatalogIndex(index)
    // The catalog names the default operator class too, and a condition is printed in another way.
    const comparable = ({ predicate, keys, ...rest }: typeof own) => ({
      ...rest,
      isPartial: predicate !== undefined,
      keys: keys.map(({ text, descending, nullsFirst }) => ({ text, descending, nullsFirst })),
    })
    expect(comparable(seen)).toEqual(comparable(own))
  })
})

test('an expression with commas, quotes and parentheses is one key', async () => {
  await withDatabase(17, async (client) => {
    await client.query('CREATE TABLE t (a int, d text)')
    await client.query("CREATE INDEX i ON t (coalesce(d, '),('), a DESC, (a + 1))")
    const [index] = (await readCatalog(client, { schemas: [], names: [] })).indexes
    const keys = index && shapeOfCatalogIndex(index).keys
    expect(keys).toMatchObject([
      { text: "COALESCE(d, '),('::text)" },
      { column: 'a', descending: true },
      { text: '((a + 1))' },
    ])
  })
})
