import { describe, expect, test } from 'vitest'
import { applyFix, judgeExample } from '../../test/contract/examples.ts'
import type { ExampleMigration, Runner } from '../../test/contract/examples.ts'
import type { Finding } from '../findings/finding.ts'
import { atLeast } from '../findings/finding.ts'
import noRename from './migration/no-rename.ts'
import noRequiredColumn from './migration/no-required-column.ts'
import noRewritingTypeChange from './migration/no-rewriting-type-change.ts'
import noWork from './migration/no-work-under-exclusive-lock.ts'
import requireNotNullProof from './migration/require-not-null-proof.ts'
import requireNotValidCheck from './migration/require-not-valid-check.ts'
import requireNotValidForeignKey from './migration/require-not-valid-foreign-key.ts'
import requireUniqueUsingIndex from './migration/require-unique-using-index.ts'
import type { Major, Rule } from './rule.ts'

const setup =
  'CREATE TABLE r (id bigint PRIMARY KEY); CREATE TABLE t (id bigint PRIMARY KEY, n int, r_id bigint, name text);\n' +
  'CREATE TABLE p (n int, day date) PARTITION BY RANGE (day);\n' +
  "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');"

/** A migration with a way back, after a released one that has one too. */
function withDown(up: string, down: string): ExampleMigration[] {
  return [
    { file: 'migrations/0001_tables.sql', text: `${setup}\n`, released: true },
    { file: 'migrations/0001_tables.down.sql', text: 'DROP TABLE p, t, r;\n', released: true },
    { file: 'migrations/0002_step.sql', text: `${up}\n`, released: false },
    { file: 'migrations/0002_step.down.sql', text: `${down}\n`, released: false },
  ]
}

const notNull = ['ALTER TABLE t ALTER n SET NOT NULL;', 'ALTER TABLE t ALTER n DROP NOT NULL;'] as const
const check = ['ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0);', 'ALTER TABLE t DROP CONSTRAINT c;'] as const
const key = [
  'ALTER TABLE t ADD FOREIGN KEY (r_id) REFERENCES r;',
  'ALTER TABLE t DROP CONSTRAINT t_r_id_fkey;',
] as const
const unique = ['ALTER TABLE t ADD CONSTRAINT u UNIQUE (n);', 'ALTER TABLE t DROP CONSTRAINT u;'] as const
const onPartitions = ['ALTER TABLE p ADD CONSTRAINT u UNIQUE (n, day);', 'ALTER TABLE p DROP CONSTRAINT u;'] as const
const required = ['ALTER TABLE t ADD COLUMN g int NOT NULL;', 'ALTER TABLE t DROP COLUMN g;'] as const
const type = ['ALTER TABLE t ALTER id TYPE numeric;', 'ALTER TABLE t ALTER id TYPE bigint;'] as const
const length = ['ALTER TABLE t ALTER name TYPE varchar(9);', 'ALTER TABLE t ALTER name TYPE text;'] as const
const rename = ['ALTER TABLE t RENAME n TO m;', 'ALTER TABLE t RENAME m TO n;'] as const
const tables = [
  'ALTER TABLE t ADD COLUMN a int;\nALTER TABLE r ADD COLUMN a int;',
  'ALTER TABLE r DROP COLUMN a;\nALTER TABLE t DROP COLUMN a;',
] as const

const cases: [string, unknown, readonly [string, string], Major, 'fix' | 'words'][] = [
  ['SET NOT NULL', requireNotNullProof, notNull, 17, 'fix'],
  ['SET NOT NULL of 18', requireNotNullProof, notNull, 18, 'fix'],
  ['a CHECK', requireNotValidCheck, check, 17, 'fix'],
  ['a foreign key', requireNotValidForeignKey, key, 17, 'fix'],
  ['UNIQUE', requireUniqueUsingIndex, unique, 17, 'fix'],
  ['UNIQUE of a partitioned table', requireUniqueUsingIndex, onPartitions, 17, 'fix'],
  ['a column that demands a value', noRequiredColumn, required, 17, 'fix'],
  ['another type', noRewritingTypeChange, type, 17, 'words'],
  ['a length', noRewritingTypeChange, length, 17, 'words'],
  ['a rename', noRename, rename, 17, 'words'],
  ['two tables', noWork, tables, 17, 'fix'],
]

function show({ rule, message }: Finding): string {
  return `${rule}: ${message}`
}

test.each(cases)(
  'with a way back the recipe for %s changes it too, or says so',
  async (_, rule, [up, down], major, how) => {
    const migrations = withDown(up, down)
    const before = await judgeExample(rule as Rule, migrations, major, 'trace')
    const [finding] = before.findings
    if (how === 'words') {
      expect(finding).toMatchObject({ fixes: [], next: expect.stringContaining('0002_step.down.sql') as string })
      return
    }
    const [fix] = finding?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    const after = await judgeExample(rule as Rule, applyFix(migrations, fix), major, 'trace')
    expect(after.findings).toEqual([])
    const own = before.others.map(({ fingerprint }) => fingerprint)
    const found = after.others.filter((each) => atLeast(each.severity, 'warning') && !own.includes(each.fingerprint))
    expect(found.map(show)).toEqual([])
    for (const { file, text } of fix.edits.filter(({ file }) => file.endsWith('.down.sql'))) {
      expect(finding?.next).toContain(file)
      for (const line of text.trim().split('\n')) expect(finding?.next).toContain(line)
    }
  },
)

describe('a file that would be left empty', () => {
  const alone = [
    { file: 'migrations/0001_tables.sql', text: setup, released: true },
    { file: 'migrations/0002_step.sql', text: onPartitions[0], released: false },
  ]

  test('gets the first step instead', async () => {
    const { findings } = await judgeExample(requireUniqueUsingIndex as unknown as Rule, alone, 17, 'text')
    const [fix] = findings[0]?.fixes ?? []
    if (fix === undefined) throw new Error('no fix')
    expect(applyFix(alone, fix)[1]?.text).toBe('CREATE UNIQUE INDEX CONCURRENTLY p_1_n_day_key ON p_1 (n, day);')
    expect(
      (await judgeExample(requireUniqueUsingIndex as unknown as Rule, applyFix(alone, fix), 17, 'trace')).findings,
    ).toEqual([])
  })

  test('is to be taken away where that step could not run in it', async () => {
    const runner: Runner = { layout: 'sqlx', mode: 'transaction' }
    const { findings } = await judgeExample(requireUniqueUsingIndex as unknown as Rule, alone, 17, 'text', runner)
    expect(findings).toMatchObject([
      { fixes: [], next: expect.stringContaining('Take migrations/0002_step.sql away') as string },
    ])
  })

  test('with other statements in it loses the one, and the text says so', async () => {
    const more = alone.map((each) => (each.released ? each : { ...each, text: `${each.text}\nSELECT 1;` }))
    const { findings } = await judgeExample(requireUniqueUsingIndex as unknown as Rule, more, 17, 'text')
    expect(findings).toMatchObject([{ next: expect.stringContaining('Take the statement out.') as string }])
  })
})
