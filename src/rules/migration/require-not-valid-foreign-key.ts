import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { nodeOf } from '../../sql/statement.ts'
import type { AddedConstraint } from '../added-constraint.ts'
import { addedConstraints, asTableConstraint, isPassedOver, withConstraints } from '../added-constraint.ts'
import { alteredTableInSql } from '../alter-command.ts'
import { effectOn } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import type { NamedConstraint } from '../not-valid-recipe.ts'
import { nameConstraints, notValidRecipe, validation } from '../not-valid-recipe.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import type { Major } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { nameInSql } from '../search-path.ts'
import type { UsedTable } from '../used-table.ts'
import { leavesOf, usedTable, wasRead } from '../used-table.ts'

export default defineRule({
  id: 'require-not-valid-foreign-key',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A foreign key that is validated while both of its tables are locked against writes',
  why:
    'ADD FOREIGN KEY takes SHARE ROW EXCLUSIVE on the referencing and on the referenced table and reads both, to see ' +
    'whether every row has its counterpart. Every INSERT, UPDATE and DELETE on either of them waits until it is ' +
    'through. A foreign key written on a new column is taken as valid without a look, unless the column has a default: ' +
    'then the same is done, under ACCESS EXCLUSIVE.',
  instead:
    'Add the foreign key NOT VALID: that needs the locks for a moment, reads nothing, and holds for every row written ' +
    'from then on. Validate it in a later migration: VALIDATE CONSTRAINT takes SHARE UPDATE EXCLUSIVE on the ' +
    'referencing table and ROW SHARE on the referenced one, which let reads and writes through. Before PostgreSQL 18 ' +
    'a partitioned table refuses NOT VALID: there each partition gets it first, and once all are validated the ' +
    'foreign key of the partitioned table takes theirs for its own and reads nothing.',
  examples: [
    {
      title: 'A foreign key between tables from earlier migrations',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n' +
        'CREATE INDEX orders_customer_id_idx ON orders (customer_id);',
      bad:
        'ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers ' +
        'ON DELETE CASCADE DEFERRABLE;',
      at:
        'ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers ' +
        'ON DELETE CASCADE DEFERRABLE',
      good: [
        {
          file: '0001_reference_customers.sql',
          text:
            'ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers ' +
            'ON DELETE CASCADE DEFERRABLE NOT VALID;',
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE orders VALIDATE CONSTRAINT orders_customer;' },
      ],
    },
    {
      title: 'A new column reads nothing, unless it has a default',
      setup: 'CREATE TABLE states (id int PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY);',
      bad:
        'ALTER TABLE orders ADD COLUMN state_id int NOT NULL DEFAULT 1 REFERENCES states;\n' +
        'CREATE INDEX CONCURRENTLY orders_state_id_idx ON orders (state_id);',
      at: 'ALTER TABLE orders ADD COLUMN state_id int NOT NULL DEFAULT 1 REFERENCES states',
      good: 'ALTER TABLE orders ADD COLUMN state_id int REFERENCES states;',
    },
    {
      title: 'A partitioned table',
      setup:
        'CREATE TABLE devices (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE events (at timestamptz NOT NULL, device_id bigint) PARTITION BY RANGE (at);\n' +
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');\n" +
        'CREATE INDEX events_device_id_idx ON events (device_id);',
      bad: 'ALTER TABLE events ADD FOREIGN KEY (device_id) REFERENCES devices (id);',
      at: 'ALTER TABLE events ADD FOREIGN KEY (device_id) REFERENCES devices (id)',
      good: [
        {
          file: '0001_reference_devices.sql',
          text:
            'ALTER TABLE events_2026 ADD CONSTRAINT events_device_id_fkey FOREIGN KEY (device_id) ' +
            'REFERENCES devices NOT VALID;',
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE events_2026 VALIDATE CONSTRAINT events_device_id_fkey;' },
        {
          file: '0003_reference_devices.sql',
          text: 'ALTER TABLE events ADD FOREIGN KEY (device_id) REFERENCES devices (id);',
        },
      ],
    },
    {
      title: 'A table that the same file creates has no rows',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY, referred_by bigint);\nCREATE INDEX ON customers (referred_by);',
      bad: 'ALTER TABLE customers ADD FOREIGN KEY (referred_by) REFERENCES customers;',
      at: 'ALTER TABLE customers ADD FOREIGN KEY (referred_by) REFERENCES customers',
      good:
        'CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\n' +
        'ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-NOTES',
    'https://www.postgresql.org/docs/18/release-18.html',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'ADD FOREIGN KEY holds SHARE ROW EXCLUSIVE on both tables and reads both.',
      setup:
        'CREATE TABLE r AS SELECT g AS a FROM generate_series(1, 1000) g; ALTER TABLE r ADD PRIMARY KEY (a); ' +
        'CREATE TABLE t AS TABLE r; ANALYZE;',
      statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r',
      locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
      rewrites: [],
      scans: ['public.r', 'public.t'],
    },
    {
      says: 'NOT VALID takes the same locks and reads nothing.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID',
      locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
      scans: [],
    },
    {
      says: 'VALIDATE CONSTRAINT lets writes to both tables through.',
      setup:
        'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int); ' +
        'ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r NOT VALID;',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT f',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.r': 'ROW SHARE' },
    },
    {
      says: 'A new column that references a table is not looked at.',
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ADD COLUMN b int REFERENCES r',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.r': 'SHARE ROW EXCLUSIVE' },
      scans: [],
    },
    {
      says: 'A partitioned table refuses NOT VALID before PostgreSQL 18.',
      majors: [16, 17],
      setup: 'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a);',
      statement: 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID',
      fails: '42809',
    },
    {
      says: 'A partitioned table whose partitions have the foreign key, validated, takes theirs and reads nothing.',
      setup:
        'CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE t (a int) PARTITION BY LIST (a); ' +
        'CREATE TABLE p PARTITION OF t DEFAULT; ALTER TABLE p ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r;',
      statement: 'ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES r',
      locks: { 'public.t': 'SHARE ROW EXCLUSIVE', 'public.p': 'SHARE ROW EXCLUSIVE' },
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const added = addedConstraints(subject.statement).filter(
      ({ node, enforced }) => node.contype === 'CONSTR_FOREIGN' && enforced,
    )
    const table = added.length > 0 ? usedTable(subject) : undefined
    if (table === undefined) return
    const isPartitioned = table.declared?.kind === 'partitioned table'
    const refused = isPartitioned && major < 18
    const keys = added.filter(
      (key) =>
        (refused || !key.node.skip_validation) &&
        readsRows(key) &&
        !isPassedOver(key, table.declared?.columns ?? []) &&
        !(isPartitioned && leavesOf(table.draft, table.name).every((leaf) => hasKey(table, leaf, key))),
    )
    const [first] = keys
    if (first === undefined || (isPartitioned && wasRead(subject, table) === false)) return
    const observation = observationOf(subject)
    const referenced = referencedTable(table, first)
    const other = effectOn(subject, referenced)?.lock?.relation ?? referenced
    const mode =
      effectOn(subject, table.name)?.lock?.mode ?? (first.column ? 'ACCESS EXCLUSIVE' : 'SHARE ROW EXCLUSIVE')
    const shape = shapeOf(first, isPartitioned)
    const waits =
      mode === 'ACCESS EXCLUSIVE'
        ? `nobody can use it (ACCESS EXCLUSIVE)${other === table.printed ? '' : ` or write to ${other}`}`
        : `every write to ${other === table.printed ? 'it' : `it and to ${other}`} waits (${mode})`
    const named = nameConstraints(subject, table, keys, 'fkey')
    yield {
      kind: 'finding',
      message:
        refused && first.node.skip_validation
          ? `PostgreSQL ${major} refuses a foreign key that is NOT VALID on the partitioned table ${table.printed} (42809)`
          : `${first.column ? 'ADD COLUMN … REFERENCES with a default' : 'ADD FOREIGN KEY'} reads all of ${table.printed} while ${waits}`,
      at: placeOfStatement(subject),
      evidence: [
        observation ? traceEvidence(major, observation) : measured(shape, major, { t: table.printed, r: other }),
      ],
      ...(refused ? partitionedRecipe(subject, table, named, major) : plainRecipe(subject, named)),
    }
  },
})

function shapeOf({ column, node }: AddedConstraint, isPartitioned: boolean): LockShapeName {
  if (column) return 'ALTER TABLE … ADD COLUMN … DEFAULT … REFERENCES'
  if (!isPartitioned) return 'ALTER TABLE … ADD FOREIGN KEY'
  return node.skip_validation
    ? 'ALTER TABLE … ADD FOREIGN KEY … NOT VALID, partitioned table before 18'
    : 'ALTER TABLE … ADD FOREIGN KEY, partitioned table'
}

/** A new column's values are only looked at when it has a default, which serial and a generation expression are too. */
function readsRows({ column }: AddedConstraint): boolean {
  if (column === undefined) return true
  const type = nodeOf(column.typeName?.names?.at(-1), 'String')?.sval ?? ''
  return (
    /^(?:small|big)?serial[248]?$/.test(type) ||
    (column.constraints ?? []).some((each) =>
      ['CONSTR_DEFAULT', 'CONSTR_GENERATED'].includes(nodeOf(each, 'Constraint')?.contype ?? ''),
    )
  )
}

function referencedTable({ draft }: UsedTable, { node: { pktable } }: AddedConstraint): string {
  return resolveName(draft, pktable?.schemaname, pktable?.relname ?? '')
}

/** Whether a partition has the same foreign key, validated, which its parent's then takes for its own. */
function hasKey(table: UsedTable, leaf: DraftTable, key: AddedConstraint): boolean {
  return leaf.foreignKeys.some(
    ({ validated, columns, referencedTable: other }) =>
      validated && other === referencedTable(table, key) && columns.join('\0') === key.columns.join('\0'),
  )
}

function plainRecipe(subject: StatementSubject, keys: readonly NamedConstraint[]): { next: string; fixes: Fix[] } {
  return notValidRecipe(subject, keys, {
    title: 'Add the foreign key NOT VALID and validate it later',
    says:
      'Add it NOT VALID, which reads nothing, and validate it in a migration that follows, under locks that let reads ' +
      'and writes through:',
  })
}

/** Partition by partition, and the parent last. */
function partitionedRecipe(
  subject: StatementSubject,
  { name, draft }: UsedTable,
  keys: readonly NamedConstraint[],
  major: Major,
): { next: string; fixes: Fix[] } {
  const { statement } = subject
  const leaves = leavesOf(draft, name).map((leaf) => nameInSql(subject, leaf.name))
  const add = ({ constraint, name: own }: NamedConstraint) => {
    const definition = asTableConstraint(constraint).replace(/\s+NOT\s+VALID\b/i, '')
    return `ADD CONSTRAINT ${quoteIdentifier(own)} ${definition}`
  }
  const parent = alteredTableInSql(subject)
  const onLeaves = (commands: readonly string[]) =>
    leaves.map((leaf) => `ALTER TABLE ${leaf} ${commands.join(', ')};`).join('\n')
  const onParent = (commands: readonly string[]) => `ALTER TABLE ${parent} ${commands.join(', ')};`
  const drop = keys.map((key) => `DROP CONSTRAINT ${quoteIdentifier(key.name)}`)
  const addNotValid = keys.map((key) => `${add(key)} NOT VALID`)
  const rest = withConstraints(
    statement,
    keys.map(({ constraint }) => [constraint, []]),
  )
  const label = keys[0]?.name ?? ''
  const validations = leaves.map((leaf) =>
    validation(
      leaf,
      keys.map((key) => ({ name: key.name, add: `${add(key)} NOT VALID` })),
    ),
  )
  return recipe(subject, {
    title: 'Add the foreign key to each partition NOT VALID, validate those, then add it to the table',
    says:
      `PostgreSQL ${major} refuses NOT VALID on a partitioned table. Add it to each partition, validate it there in a ` +
      'migration that follows, then add it to the table itself, which takes those of its partitions and reads ' +
      'nothing. A partition that is made meanwhile needs it too:',
    instead: [rest, onLeaves(addNotValid)].filter((each) => each !== '').join('\n'),
    then: [
      {
        name: fileWords(`validate_${label}`),
        up: validations.map(({ up }) => up).join('\n'),
        down: validations.map(({ down }) => down).join('\n'),
        outsideTransaction: false,
      },
      {
        name: fileWords(`add_${label}`),
        up: onParent(keys.map(add)),
        down: `${onParent(drop)}\n${onLeaves(keys.map(add))}`,
        outsideTransaction: false,
      },
    ],
  })
}
