import { describe, expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import type { Runner } from '../../../test/contract/examples.ts'
import rule from './no-work-under-exclusive-lock.ts'

const tables =
  'CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE u (id int PRIMARY KEY, n int); ' +
  'CREATE TABLE v (id int PRIMARY KEY, t_id int, CONSTRAINT fk FOREIGN KEY (t_id) REFERENCES t); ' +
  'ALTER TABLE v ADD CONSTRAINT later CHECK (id > 0) NOT VALID; CREATE TABLE parent (k int) PARTITION BY LIST (k); CREATE TABLE child PARTITION OF parent FOR VALUES IN (1);'
const golangMigrate: Runner = { layout: 'golang-migrate', mode: 'simple-query' }
const goose: Runner = { layout: 'goose', mode: 'transaction' }

async function both(last: string, runner?: Runner): Promise<string[]> {
  const text = await judgeExample(rule, history(tables, last), 17, 'text', runner)
  const trace = await judgeExample(rule, history(tables, last), 17, 'trace', runner)
  const shown = (judged: typeof text) =>
    judged.findings.map(({ severity, location }) => `${severity} ${location.kind === 'file' ? location.line : ''}`)
  expect(shown(trace)).toEqual(shown(text))
  return shown(text)
}

test.each([
  [
    'two quick commands on one table',
    "ALTER TABLE t ADD c int;\nALTER TABLE t ALTER c SET DEFAULT 1;\nCOMMENT ON TABLE t IS '';",
  ],
  [
    'a table of the same file',
    'CREATE TABLE w (a int);\nALTER TABLE w ADD b int;\nALTER TABLE t ADD c int;\nCREATE INDEX ON w (a);',
  ],
  [
    'a temporary table',
    'ALTER TABLE t ADD c int;\nCREATE TEMP TABLE w (a int);\nCREATE INDEX ON w (a);\nALTER TABLE w ADD b int;',
  ],
  ['tables that go', 'ALTER TABLE v DROP CONSTRAINT fk;\nDROP TABLE u;\nDROP TABLE v;'],
  ['a partition of the table', 'ALTER TABLE parent ADD c int;\nALTER TABLE child ALTER c SET DEFAULT 1;'],
  ['a change of one row', 'ALTER TABLE t ADD c int;\nUPDATE u SET n = 1 WHERE id = 1;'],
  ['an index on the parent only', 'ALTER TABLE t ADD c int;\nCREATE INDEX ON ONLY parent (k);'],
  ['transactions of their own', 'BEGIN;\nALTER TABLE t ADD c int;\nCOMMIT;\nBEGIN;\nALTER TABLE u ADD c int;\nCOMMIT;'],
  ['a statement that kei sends alone', 'ALTER TABLE t ADD c int;\nCREATE INDEX CONCURRENTLY i ON u (n);'],
  ['weaker locks', 'CREATE INDEX ON t (n);\nCREATE INDEX ON u (n);'],
  [
    'a constraint that is not validated',
    'ALTER TABLE u ADD c int;\nALTER TABLE v ADD CONSTRAINT f2 FOREIGN KEY (id) REFERENCES t NOT VALID;',
  ],
  [
    'a validation of the same table, which has its own rule',
    'ALTER TABLE v ADD c int;\nALTER TABLE v VALIDATE CONSTRAINT later;',
  ],
])('%s is passed over, by the text and with a trace', async (_, last) => {
  expect(await both(last)).toEqual([])
})

test.each([
  [
    'a second table',
    'ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;\nALTER TABLE parent ADD c int;',
    ['warning 2'],
  ],
  [
    'the table that a foreign key references',
    'ALTER TABLE u ADD c int;\nALTER TABLE v DROP CONSTRAINT fk;',
    ['warning 2'],
  ],
  ['an index of the same table', 'ALTER TABLE t ADD c int;\nCREATE INDEX ON t (n);', ['error 2']],
  ['a validation of another table', 'ALTER TABLE t ADD c int;\nALTER TABLE v VALIDATE CONSTRAINT later;', ['error 2']],
  ['an index of another', 'ALTER TABLE t ADD c int;\nCREATE INDEX ON u (n);', ['error 2']],
  [
    'a foreign key',
    'ALTER TABLE u ADD c int;\nALTER TABLE v ADD CONSTRAINT f2 FOREIGN KEY (id) REFERENCES t;',
    ['error 2'],
  ],
  ['a copy', 'ALTER TABLE t ADD c int;\nCREATE TABLE w AS SELECT * FROM u;', ['error 2']],
  ['both', 'ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;\nCREATE INDEX ON u (n);', ['warning 2', 'error 3']],
])('%s is found, by the text and with a trace', async (_, last, expected) => {
  expect(await both(last)).toEqual(expected)
})

describe('the way out', () => {
  test('cuts the file wherever a transaction has to end, comments with what they stand before', async () => {
    const last = 'ALTER TABLE t ADD c int;\n-- for u\nALTER TABLE u ADD c int;\nALTER TABLE t ADD d int;\nSELECT 1;'
    const migrations = history(tables, last)
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    const after = fix ? applyFix(migrations, fix) : []
    expect(after.slice(1).map(({ text }) => text)).toEqual([
      'ALTER TABLE t ADD c int;\n',
      '-- for u\nALTER TABLE u ADD c int;\n',
      'ALTER TABLE t ADD d int;\nSELECT 1;\n',
    ])
    expect((await judgeExample(rule, after, 17, 'trace')).findings).toEqual([])
  })

  test('between BEGIN and COMMIT ends the transaction instead', async () => {
    const migrations = history(tables, 'BEGIN;\nALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;\nCOMMIT;')
    const { findings } = await judgeExample(rule, migrations, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    expect(fix && applyFix(migrations, fix)[1]?.text).toBe(
      'BEGIN;\nALTER TABLE t ADD c int;\nCOMMIT;\nBEGIN;\nALTER TABLE u ADD c int;\nCOMMIT;\n',
    )
  })

  test('is only shown where a down section would have to be split, and for a released file', async () => {
    const last = 'ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;'
    const withDown = [
      ...history(tables, last),
      { file: 'migrations/0002_step.down.sql', text: 'ALTER TABLE u DROP c; ALTER TABLE t DROP c;', released: false },
    ]
    const { findings } = await judgeExample(rule, withDown, 17, 'text')
    expect(findings).toMatchObject([{ fixes: [], next: expect.stringContaining('Divide the way back') as string }])
    const released = await judgeExample(rule, history(tables, last, 'SELECT 1;'), 17, 'text')
    expect(released.findings).toMatchObject([{ fixes: [] }])
  })

  test.each([golangMigrate, goose])('holds for $layout, whose files are one transaction', async (runner) => {
    expect(await both('ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;', runner)).toEqual(['warning 2'])
  })
})

test('what a trace saw held is the evidence', async () => {
  const { findings } = await judgeExample(
    rule,
    history(tables, 'ALTER TABLE t ADD c int;\nCREATE INDEX ON u (n);'),
    17,
    'trace',
  )
  expect(findings).toMatchObject([
    {
      message:
        'CREATE INDEX runs while every read and write of public.t waits: the transaction holds ACCESS EXCLUSIVE on it',
      evidence: [{ kind: 'trace', facts: { 'held since an earlier statement': 'ACCESS EXCLUSIVE on public.t' } }],
      related: [{ location: { line: 1 } }],
    },
  ])
})

describe('no way is written', () => {
  test.each([
    [
      'CREATE INDEX',
      'ALTER TABLE t ADD c int;\nCREATE INDEX ON u (n);',
      'Do what its finding of require-concurrent-index says',
    ],
    [
      'a foreign key',
      'ALTER TABLE u ADD c int;\nALTER TABLE v ADD CONSTRAINT f2 FOREIGN KEY (id) REFERENCES t;',
      'Do what its finding of require-not-valid-foreign-key says',
    ],
    [
      'a second table whose file goes on with SET NOT NULL',
      'ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;\nALTER TABLE u ALTER n SET NOT NULL;',
      'line 3 would have to move, and is slow by itself',
    ],
    [
      'triggers that are off',
      'ALTER TABLE t ADD c int;\nALTER TABLE t DISABLE TRIGGER ALL;\nALTER TABLE u ADD c int;\nALTER TABLE t ENABLE TRIGGER ALL;',
      'has to stay one transaction, because triggers of t are off from line 2 to line 4',
    ],
    [
      'triggers that are off, between BEGIN and COMMIT',
      'BEGIN;\nALTER TABLE t ADD c int;\nALTER TABLE t DISABLE TRIGGER ALL;\nALTER TABLE u ADD c int;\nALTER TABLE t ENABLE TRIGGER ALL;\nCOMMIT;',
      'has to stay one transaction, because triggers of t are off from line 3 to line 5',
    ],
    [
      'a constraint that comes back',
      'ALTER TABLE v DROP CONSTRAINT fk;\nALTER TABLE u ADD c int;\n' +
        'ALTER TABLE v ADD CONSTRAINT fk FOREIGN KEY (t_id) REFERENCES t NOT VALID;',
      'because a constraint of v is missing from line 1 to line 3',
    ],
  ])('for %s', async (_, last, says) => {
    const { findings } = await judgeExample(rule, history(tables, last), 17, 'text')
    const [finding] = findings
    expect(finding?.fixes).toEqual([])
    expect(finding?.next).toContain(says)
    expect(finding?.next).not.toContain('.sql\n')
  })
})

test('a new file takes a part of the way back along where the whole of it is certain', async () => {
  const migrations = [
    ...history(tables, 'ALTER TABLE t ADD c int;\nALTER TABLE u ADD c int;'),
    {
      file: 'migrations/0002_step.down.sql',
      text: 'ALTER TABLE u DROP COLUMN c;\nALTER TABLE t DROP COLUMN c;\n',
      released: false,
    },
  ]
  const { findings } = await judgeExample(rule, migrations, 17, 'text')
  const [fix] = findings[0]?.fixes ?? []
  const after = fix ? applyFix(migrations, fix) : []
  expect(after.filter(({ file }) => file.endsWith('.down.sql')).map(({ text }) => text)).toEqual([
    'ALTER TABLE t DROP COLUMN c;\n',
    'ALTER TABLE u DROP COLUMN c;\n',
  ])
})
