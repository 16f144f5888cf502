import { quoteIdentifier, textNameOf } from '../../sql/identifier.ts'
import { newName, resolveName, unqualified } from '../../sql/schema-draft.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { isUnused } from '../drops.ts'
import { effectOn, heldFacts } from '../effect.ts'
import { measured } from '../lock-table/lock-table.ts'
import { fileWords } from '../next-step.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { nameInSql } from '../search-path.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import {
  boundCondition,
  defaultPartitionOf,
  isProvenBy,
  keyColumnsOf,
  wholeCondition,
  writtenBound,
} from './partitions.ts'

export default defineRule({
  id: 'prefer-attach-partition',
  since: '0.1.0',
  severity: 'note',
  category: 'migration',
  subject: 'statement',
  statements: ['CreateStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'CREATE TABLE … PARTITION OF a table that is already in use',
  why:
    'CREATE TABLE … PARTITION OF takes ACCESS EXCLUSIVE on the partitioned table. It is quick itself, but it waits for ' +
    'every query on any of the partitions to end, and every new read and write of the whole table queues behind it ' +
    'meanwhile. Where there is a DEFAULT partition that is locked the same way and read from end to end, for rows ' +
    'that belong in the new one: an error.',
  instead:
    'CREATE TABLE … (LIKE parent INCLUDING ALL …), then ALTER TABLE … ATTACH PARTITION, which takes SHARE UPDATE ' +
    'EXCLUSIVE and lets reads and writes go on. The result is the same; comments, statistics and identity are left ' +
    'out of LIKE because a partition gets them from its parent or not at all. A DEFAULT partition needs a validated ' +
    'CHECK that excludes the bound. A parent that the same file creates needs none of this.',
  examples: [
    {
      title: 'The partition of a new month',
      setup:
        'CREATE TABLE customers (id bigint PRIMARY KEY);\n' +
        'CREATE TABLE orders (\n' +
        '  id bigint GENERATED ALWAYS AS IDENTITY,\n' +
        '  placed_at timestamptz NOT NULL,\n' +
        '  customer_id bigint REFERENCES customers,\n' +
        '  state text COLLATE "C" NOT NULL DEFAULT \'new\',\n' +
        '  total numeric CHECK (total >= 0),\n' +
        '  vat numeric GENERATED ALWAYS AS (total * 0.2) STORED,\n' +
        '  PRIMARY KEY (id, placed_at)\n' +
        ') PARTITION BY RANGE (placed_at);\n' +
        'CREATE INDEX orders_state_idx ON orders (state) WHERE total > 0;\n' +
        "COMMENT ON COLUMN orders.state IS 'new, paid or sent';\n" +
        'ALTER TABLE orders ALTER COLUMN state SET STORAGE EXTERNAL;\n' +
        'CREATE STATISTICS orders_stats ON state, total FROM orders;',
      bad: "CREATE TABLE orders_2026_01 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');",
      at: "CREATE TABLE orders_2026_01 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
      good:
        'CREATE TABLE orders_2026_01 (LIKE orders INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY EXCLUDING STATISTICS);\n' +
        "ALTER TABLE orders ATTACH PARTITION orders_2026_01 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');",
    },
    {
      title: 'The DEFAULT partition is read',
      setup:
        'CREATE TABLE orders (id bigint, region text) PARTITION BY LIST (region);\n' +
        'CREATE TABLE orders_rest PARTITION OF orders DEFAULT;',
      bad: "CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('de', 'fr');",
      at: "CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('de', 'fr')",
      good:
        'CREATE TABLE returns (id bigint, region text) PARTITION BY LIST (region);\n' +
        'CREATE TABLE returns_rest PARTITION OF returns DEFAULT;\n' +
        "CREATE TABLE returns_eu PARTITION OF returns FOR VALUES IN ('de', 'fr');",
    },
    {
      title: 'A partition that is partitioned itself',
      setup: 'CREATE TABLE logs (day date NOT NULL, id bigint NOT NULL) PARTITION BY RANGE (day);',
      bad:
        "CREATE TABLE IF NOT EXISTS logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')\n" +
        '  PARTITION BY HASH (id);\n' +
        'CREATE TABLE logs_2026_0 PARTITION OF logs_2026 FOR VALUES WITH (MODULUS 1, REMAINDER 0);',
      at:
        "CREATE TABLE IF NOT EXISTS logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')\n" +
        '  PARTITION BY HASH (id)',
      good:
        'CREATE TABLE logs_2026 (LIKE logs INCLUDING ALL) PARTITION BY HASH (id);\n' +
        "ALTER TABLE logs ATTACH PARTITION logs_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createtable.html#SQL-CREATETABLE-PARMS-PARTITION-OF',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'CREATE TABLE … PARTITION OF holds ACCESS EXCLUSIVE on the partitioned table.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a);',
      statement: 'CREATE TABLE n PARTITION OF t FOR VALUES FROM (0) TO (9)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE' },
    },
    {
      says: 'It locks the DEFAULT partition the same way and reads it.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE d PARTITION OF t DEFAULT;',
      statement: 'CREATE TABLE n PARTITION OF t FOR VALUES FROM (0) TO (9)',
      locks: { 'public.t': 'ACCESS EXCLUSIVE', 'public.d': 'ACCESS EXCLUSIVE' },
      scans: ['public.d'],
    },
    {
      says: 'CREATE TABLE … LIKE holds ACCESS SHARE, and ATTACH PARTITION of an empty table SHARE UPDATE EXCLUSIVE.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a);',
      statement: 'CREATE TABLE n (LIKE t INCLUDING ALL); ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      scans: [],
    },
  ],
  *check(subject, { major }) {
    const { statement, migration } = subject
    const create = statementOf(statement, 'CreateStmt')
    const relation = nodeOf(create?.inhRelations?.[0], 'RangeVar')
    if (create?.partbound === undefined || create.relation === undefined || relation?.relname === undefined) return
    if (create.relation.relpersistence === 't') return
    const draft = migration.history.before(subject)
    const parent = resolveName(draft, relation.schemaname, relation.relname)
    const name = newName(draft, create.relation)
    const observation = observationOf(subject)
    if (isUnused(subject, parent)) return
    if (observation === undefined && create.if_not_exists && draft.tables.has(name)) return
    const effect = effectOn(subject, parent)
    if (effect && effect.lock?.mode !== 'ACCESS EXCLUSIVE') return
    if (observation && !observation.created.some((object) => textNameOf(object.name) === name)) return
    const printed = effect?.lock?.relation ?? parent
    const above = draft.tables.get(parent)
    const rest = create.partbound.is_default ? undefined : defaultPartitionOf(draft, parent)
    const readsRest = observation
      ? observation.scans.some((scanned) => !isUnused(subject, textNameOf(scanned)))
      : rest !== undefined &&
        !isUnused(subject, rest.name) &&
        !isProvenBy(rest, above && keyColumnsOf(migration.history, above), false)
    const restName = rest?.name ?? observation?.scans[0] ?? ''
    const shape = readsRest ? 'CREATE TABLE … PARTITION OF, with a DEFAULT partition' : 'CREATE TABLE … PARTITION OF'
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation, heldFacts(effect))
          : measured(shape, major, { t: printed, ...(readsRest && { d: restName }) }),
      ],
      message: readsRest
        ? `CREATE TABLE … PARTITION OF keeps every read and write of ${printed} waiting (ACCESS EXCLUSIVE) while it ` +
          `reads all of the DEFAULT partition ${restName}`
        : `CREATE TABLE … PARTITION OF keeps every read and write of ${printed} waiting (ACCESS EXCLUSIVE) while it ` +
          'waits for the queries that run there',
      ...(readsRest && { severity: 'error' as const }),
      ...remedy(subject, create, { name, parent, above, rest: readsRest ? rest : undefined, readsRest }),
    }
  },
})

const like = 'INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY EXCLUDING STATISTICS'

function remedy(
  subject: StatementSubject,
  create: NodeOf<'CreateStmt'>,
  made: {
    name: string
    parent: string
    above: DraftTable | undefined
    rest: DraftTable | undefined
    readsRest: boolean
  },
): Pick<Verdict & { kind: 'finding' }, 'next' | 'fixes'> {
  const { name, parent, above, rest, readsRest } = made
  const { history } = subject.migration
  const [table, partitioned] = [nameInSql(subject, name), nameInSql(subject, parent)]
  const bound = create.partbound && writtenBound(subject.statement, create.partbound)
  const own = above && bound && boundCondition(history, above, bound)
  const whole = above && bound && wholeCondition(history, history.before(subject), above, bound)
  const says = 'Create the table by itself, then attach it: that lets reads and writes of the other partitions go on.'
  const options = (create.tableElts ?? []).length > 0
  if (
    bound === undefined ||
    options ||
    (readsRest && (rest === undefined || own === undefined || whole === undefined))
  ) {
    const first = readsRest ? ' Before that, give the DEFAULT partition a validated CHECK that excludes the bound.' : ''
    return {
      next:
        `${says}${first}\n  CREATE TABLE ${table} (LIKE ${partitioned} ${like});\n` +
        `  ALTER TABLE ${partitioned} ATTACH PARTITION ${table} ${bound?.text ?? 'FOR VALUES …'};`,
    }
  }
  const kind = create.relation?.relpersistence === 'u' ? 'UNLOGGED TABLE' : 'TABLE'
  const check = quoteIdentifier(`${unqualified(name)}_bound`)
  const constraint = rest === undefined ? '' : `,\n  CONSTRAINT ${check} CHECK (${whole ?? ''})\n`
  const head = `CREATE ${kind} ${table} (${rest === undefined ? '' : '\n  '}LIKE ${partitioned} ${like}${constraint})`
  const created = `${head}${bound.tail};`
  const attach = `ALTER TABLE ${partitioned} ATTACH PARTITION ${table} ${bound.text};`
  if (rest === undefined) {
    const title = 'Create the table by itself, then attach it'
    return recipe(subject, { title, says, instead: `${created}\n${attach}`, then: [] })
  }
  const other = nameInSql(subject, rest.name)
  const exclusion = quoteIdentifier(`${unqualified(rest.name)}_without_${unqualified(name)}`)
  const dropBound = `ALTER TABLE ${table} DROP CONSTRAINT ${check};`
  const dropExclusion = `ALTER TABLE ${other} DROP CONSTRAINT ${exclusion};`
  const exclude = `ALTER TABLE ${other} ADD CONSTRAINT ${exclusion}\n  CHECK (NOT (${own ?? ''}))`
  const words = fileWords(unqualified(name))
  return recipe(subject, {
    title: 'Create the table by itself, and attach it once the DEFAULT partition is known to have none of its rows',
    says: `${says} A CHECK that is validated before spares reading the DEFAULT partition under the lock.`,
    instead: created,
    then: [
      {
        name: `check_${fileWords(exclusion)}`,
        up: `${exclude} NOT VALID;`,
        down: dropExclusion,
        outsideTransaction: false,
      },
      {
        name: `validate_${fileWords(exclusion)}`,
        up: `ALTER TABLE ${other} VALIDATE CONSTRAINT ${exclusion};`,
        down: `${dropExclusion}\n${exclude} NOT VALID;`,
        outsideTransaction: false,
      },
      {
        name: `attach_${words}`,
        up: [attach, dropBound, dropExclusion].join('\n'),
        down: [
          `ALTER TABLE ${partitioned} DETACH PARTITION ${table};`,
          `ALTER TABLE ${table} ADD CONSTRAINT ${check}\n  CHECK (${whole ?? ''});`,
          `${exclude};`,
        ].join('\n'),
        outsideTransaction: false,
      },
    ],
  })
}
