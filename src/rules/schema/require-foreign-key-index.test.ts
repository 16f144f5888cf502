import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './require-foreign-key-index.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)
const customers = 'CREATE TABLE customers (id int PRIMARY KEY);'

const covered = {
  'a primary key that starts with the column':
    'CREATE TABLE o (c int REFERENCES customers, n int, PRIMARY KEY (c, n));',
  'a unique constraint': 'CREATE TABLE o (c int UNIQUE REFERENCES customers);',
  'an index on the expression of another column as well': 'CREATE TABLE o (c int REFERENCES customers, n text); CREATE INDEX ON o (c, lower(n));',
  'a hash index': 'CREATE TABLE o (c int REFERENCES customers); CREATE INDEX ON o USING hash (c);',
  'a constraint made from an index':
    'CREATE TABLE o (c int REFERENCES customers); CREATE UNIQUE INDEX i ON o (c); ALTER TABLE o ADD ' +
      'UNIQUE USING INDEX i;',
  'an index on the partitioned parent':
    'CREATE TABLE o (c int REFERENCES customers) PARTITION BY LIST (c); CREATE TABLE p PARTITION OF o ' +
      'FOR VALUES IN (1); CREATE INDEX ON o (c);',
  'an index on every partition':
    'CREATE TABLE o (c int REFERENCES customers) PARTITION BY LIST (c); CREATE TABLE p PARTITION OF o ' +
      'FOR VALUES IN (1); CREATE INDEX ON p (c);',
  'an index put together from those of the partitions':
    'CREATE TABLE o (c int REFERENCES customers) PARTITION BY LIST (c); CREATE TABLE p PARTITION OF o FOR VALUES IN (1);' +
    'CREATE INDEX i ON ONLY o (c); CREATE INDEX j ON p (c); ALTER INDEX i ATTACH PARTITION j;',
  'an index after a rename': 'CREATE TABLE o (c int REFERENCES customers); ALTER TABLE o RENAME c TO d; CREATE INDEX ON o (d);',
  'no foreign key any more': 'CREATE TABLE o (c int REFERENCES customers); ALTER TABLE o DROP CONSTRAINT o_c_fkey;',
}

test.each(Object.entries(covered))('%s will do, by the text and with a trace', async (_, sql) => {
  expect((await find('text', customers, sql)).findings).toEqual([])
  expect((await find('trace', customers, sql)).findings).toEqual([])
})

const uncovered = {
  'an index on an expression': 'CREATE TABLE o (c int REFERENCES customers); CREATE INDEX ON o ((c + 1));',
  'a BRIN index': 'CREATE TABLE o (c int REFERENCES customers); CREATE INDEX ON o USING brin (c);',
  'an index that only includes the column': 'CREATE TABLE o (c int REFERENCES customers, n int); CREATE INDEX ON o (n) INCLUDE (c);',
  'an index ON ONLY the parent, which is not valid':
    'CREATE TABLE o (c int REFERENCES customers) PARTITION BY LIST (c); CREATE TABLE p PARTITION OF o FOR VALUES IN (1);' +
    'CREATE INDEX ON ONLY o (c);',
  'an index on some partitions':
    'CREATE TABLE o (c int REFERENCES customers) PARTITION BY LIST (c); CREATE TABLE p PARTITION OF o ' +
      'FOR VALUES IN (1);' +
    'CREATE TABLE q PARTITION OF o FOR VALUES IN (2); CREATE INDEX ON p (c);',
  'an index that is gone': 'CREATE TABLE o (c int REFERENCES customers); CREATE INDEX i ON o (c); DROP INDEX i;',
  'a key that references a partitioned table':
    'CREATE TABLE r (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE a PARTITION OF r FOR ' +
      'VALUES IN (1); CREATE TABLE o (c int REFERENCES r);',
  'a key that references its own table': 'CREATE TABLE o (id int PRIMARY KEY, c int REFERENCES o);',
}

test.each(Object.entries(uncovered))('%s will not, by the text and with a trace', async (_, sql) => {
  const text = await find('text', customers, sql)
  const trace = await find('trace', customers, sql)
  expect(text.findings).toHaveLength(1)
  const same = trace.findings.map(({ location, fingerprint, message }) => ({ location, fingerprint, message }))
  expect(text.findings).toMatchObject(same)
})

test('mixed-case names are the same by the text and with a trace', async () => {
  const sql = 'CREATE TABLE "Order" ("customerId" int REFERENCES customers, "user" int REFERENCES customers); CREATE INDEX ON "Order" ("user") WHERE "user" IS NOT NULL;'
  const text = await find('text', customers, sql)
  const trace = await find('trace', customers, sql)
  expect(text.findings.map((finding) => finding.message)).toEqual(trace.findings.map((finding) => finding.message))
  expect(text.findings[0]?.next).toContain('CREATE INDEX "Order_customerId_idx" ON "Order" ("customerId");')
})

test('a foreign key that a DO block is certain to make is placed where it is written', async () => {
  const sql = 'CREATE TABLE o (c int);\nDO $$ BEGIN ALTER TABLE o ADD FOREIGN KEY (c) REFERENCES customers; END $$;'
  for (const how of ['text', 'trace'] as const) {
    const { findings } = await find(how, customers, sql)
    expect(findings).toMatchObject([{ location: { line: 2, column: 31, endColumn: 67 } }])
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(history(customers, sql), fix)[1]?.text).toBe(`${sql}\nCREATE INDEX o_c_idx ON o (c);\n`)
  }
})

test('one that a DO block may make is placed at that block, where a trace shows it', async () => {
  const add = 'IF true THEN ALTER TABLE o ADD FOREIGN KEY (c) REFERENCES customers; END IF;'
  const sql = `CREATE TABLE o (c int);\nDO $$ BEGIN ${add} END $$;`
  expect((await find('text', customers, sql)).findings).toEqual([])
  expect((await find('trace', customers, sql)).findings).toMatchObject([{ location: { line: 2, column: 1 } }])
})

test('by the text alone, a block that may have made the index leaves it undecided', async () => {
  const make = 'IF true THEN CREATE INDEX ON o (c); END IF;'
  const sql = `CREATE TABLE o (c int REFERENCES customers); DO $$ BEGIN ${make} END $$;`
  expect(await find('text', customers, sql)).toMatchObject({ findings: [], unknown: [expect.stringContaining('a trace') as string] })
  expect(await find('trace', customers, sql)).toMatchObject({ findings: [], unknown: [] })
})

test('a block that is certain to make it leaves nothing open', async () => {
  const sql = "CREATE TABLE o (c int REFERENCES customers); DO $$ BEGIN EXECUTE 'CREATE INDEX ON o (c)'; END $$;"
  expect(await find('text', customers, sql)).toMatchObject({ findings: [], unknown: [] })
})

test('the index on a new table goes into its file, the one on an older table into a new migration', async () => {
  const sql = 'CREATE TABLE o (c int REFERENCES customers)'
  const fresh = history(customers, `${sql}; -- done`)
  const [inFile] = (await judgeExample(rule, fresh, 17, 'text')).findings[0]?.fixes ?? []
  expect(inFile && applyFix(fresh, inFile)[1]?.text).toBe(`${sql};\nCREATE INDEX o_c_idx ON o (c); -- done\n`)

  const [inNew] = (await find('text', customers, `${sql};`, 'SELECT 1;')).findings[0]?.fixes ?? []
  expect(inNew).toMatchObject({
    safety: 'review',
    edits: [],
    newFiles: [
      { file: 'migrations/0004_create_o_c_idx.sql', text: 'CREATE INDEX CONCURRENTLY o_c_idx ON o (c);\n' },
      { file: 'migrations/0004_create_o_c_idx.down.sql', text: 'DROP INDEX CONCURRENTLY o_c_idx;\n' },
    ],
  })
})

test('a statement without its semicolon gets one before the index', async () => {
  const migrations = history(customers, 'CREATE TABLE o (c int REFERENCES customers)')
  const [fix] = (await judgeExample(rule, migrations, 17, 'text')).findings[0]?.fixes ?? []
  expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
    'CREATE TABLE o (c int REFERENCES customers);\nCREATE INDEX o_c_idx ON o (c);\n',
  )
})
