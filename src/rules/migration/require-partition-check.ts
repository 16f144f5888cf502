import type { Observation } from '../../findings/observation.ts'
import { textNameOf } from '../../sql/identifier.ts'
import type { DraftTable } from '../../sql/schema-draft.ts'
import { isUnused } from '../drops.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { leavesOf, partitionsOf } from '../used-table.ts'
import { attachedPartition, isFitProven, keyColumns } from './attached-partition.ts'
import type { AttachedPartition } from './attached-partition.ts'
import { partitionCheckRecipe } from './partition-check-recipe.ts'
import type { AttachReads } from './partition-check-recipe.ts'
import { creationOf, defaultPartitionOf, isProvenBy } from './partitions.ts'

export default defineRule({
  id: 'require-partition-check',
  since: '0.1.0',
  severity: 'warning',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'ATTACH PARTITION without a CHECK that spares reading the new partition, or the DEFAULT one',
  why:
    'ATTACH PARTITION reads every row of the new partition to see that it fits the bound, under ACCESS EXCLUSIVE on it. ' +
    'Where there is a DEFAULT partition that is locked the same way and read as well, for rows that belong in the new ' +
    'one: then whoever writes to or reads that partition waits, which is an error. A validated CHECK that says the ' +
    'same spares the reading; IS NOT NULL has to be in it where the column can be null, because a CHECK lets nulls ' +
    'pass and a bound does not. An index that the partitioned table has and the new partition has not is built at ' +
    'the same time, under the same lock.',
  instead:
    'Add the bound as a CHECK … NOT VALID, and its negation to the DEFAULT partition; validate them in a migration of ' +
    'their own, which lets reads and writes go on; then attach, and drop the CHECKs. Create the indexes of the ' +
    'partitioned table CONCURRENTLY before. A partition that the same file creates is empty, but the DEFAULT one is ' +
    'read all the same.',
  examples: [
    {
      title: 'A table with rows, no CHECK',
      setup:
        'CREATE TABLE events (at timestamptz NOT NULL, kind text) PARTITION BY RANGE (at);\n' +
        'CREATE TABLE events_2025 (at timestamptz NOT NULL, kind text);',
      bad: "ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');",
      at: "ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
      good: [
        {
          file: '0001_check.sql',
          text:
            'ALTER TABLE events_2025 ADD CONSTRAINT events_2025_bound\n' +
            "  CHECK (at >= '2025-01-01' AND at < '2026-01-01') NOT VALID;",
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE events_2025 VALIDATE CONSTRAINT events_2025_bound;' },
        {
          file: '0003_attach.sql',
          text:
            "ALTER TABLE events ATTACH PARTITION events_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n" +
            'ALTER TABLE events_2025 DROP CONSTRAINT events_2025_bound;',
        },
      ],
    },
    {
      title: 'The DEFAULT partition is read too',
      setup:
        'CREATE TABLE orders (id bigint, region text) PARTITION BY LIST (region);\n' +
        'CREATE TABLE orders_rest PARTITION OF orders DEFAULT;',
      bad:
        'CREATE TABLE orders_eu (id bigint, region text);\n' +
        "ALTER TABLE orders ATTACH PARTITION orders_eu FOR VALUES IN ('de', 'fr');",
      at: "ALTER TABLE orders ATTACH PARTITION orders_eu FOR VALUES IN ('de', 'fr')",
      good: [
        {
          file: '0001_check.sql',
          text:
            'ALTER TABLE orders_rest ADD CONSTRAINT orders_rest_not_eu\n' +
            "  CHECK (NOT (region IS NOT NULL AND region IN ('de', 'fr'))) NOT VALID;",
        },
        { file: '0002_validate.sql', text: 'ALTER TABLE orders_rest VALIDATE CONSTRAINT orders_rest_not_eu;' },
        {
          file: '0003_attach.sql',
          text:
            'CREATE TABLE orders_eu (id bigint, region text);\n' +
            "ALTER TABLE orders ATTACH PARTITION orders_eu FOR VALUES IN ('de', 'fr');",
        },
      ],
    },
    {
      title: 'A CHECK that lets nulls pass proves nothing where the column may be null',
      setup:
        'CREATE TABLE readings (sensor int, day date) PARTITION BY RANGE (sensor, day);\n' +
        "CREATE TABLE readings_7 (sensor int, day date, CHECK (sensor = 7 AND day >= '2026-01-01'));",
      bad: "ALTER TABLE readings ATTACH PARTITION readings_7 FOR VALUES FROM (7, '2026-01-01') TO (7, MAXVALUE);",
      at: "ALTER TABLE readings ATTACH PARTITION readings_7 FOR VALUES FROM (7, '2026-01-01') TO (7, MAXVALUE)",
      good: [
        {
          file: '0001_tables.sql',
          text:
            'CREATE TABLE readings_8 (sensor int NOT NULL, day date NOT NULL, CHECK (sensor = 8));\n' +
            'CREATE TABLE readings_9 (sensor int, day date);',
        },
        {
          file: '0002_attach.sql',
          text:
            'ALTER TABLE readings ATTACH PARTITION readings_8 FOR VALUES FROM (8, MINVALUE) TO (8, MAXVALUE);\n' +
            'CREATE TABLE readings_10 (sensor int, day date);\n' +
            'ALTER TABLE readings ATTACH PARTITION readings_10 FOR VALUES FROM (10, MINVALUE) TO (11, MINVALUE);',
        },
      ],
    },
    {
      title: 'Partitions by hash, of a partition',
      setup:
        'CREATE TABLE logs (day date NOT NULL, id bigint NOT NULL) PARTITION BY RANGE (day);\n' +
        "CREATE TABLE logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (id);\n" +
        'CREATE TABLE logs_2026_0 (day date NOT NULL, id bigint NOT NULL);',
      bad: 'ALTER TABLE logs_2026 ATTACH PARTITION logs_2026_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);',
      at: 'ALTER TABLE logs_2026 ATTACH PARTITION logs_2026_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
      good:
        'CREATE TABLE logs_2026_1 (day date NOT NULL, id bigint NOT NULL);\n' +
        'ALTER TABLE logs_2026 ATTACH PARTITION logs_2026_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-ATTACH-PARTITION',
    'https://www.postgresql.org/docs/17/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'ATTACH PARTITION reads all of the new partition under ACCESS EXCLUSIVE.',
      setup: 'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE n AS SELECT 1 AS a;',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE', 'public.n': 'ACCESS EXCLUSIVE' },
      scans: ['public.n'],
    },
    {
      says: 'With a validated CHECK that says the same it reads nothing.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE n AS SELECT 1 AS a; ' +
        'ALTER TABLE n ADD CHECK (a IS NOT NULL AND a >= 0 AND a < 9);',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      scans: [],
    },
    {
      says: 'Without IS NOT NULL the CHECK proves nothing.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE n AS SELECT 1 AS a; ' +
        'ALTER TABLE n ADD CHECK (a >= 0 AND a < 9);',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      scans: ['public.n'],
    },
    {
      says: 'Nor does one that is NOT VALID.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE n AS SELECT 1 AS a; ' +
        'ALTER TABLE n ADD CHECK (a IS NOT NULL AND a >= 0 AND a < 9) NOT VALID;',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      scans: ['public.n'],
    },
    {
      says: 'The DEFAULT partition is locked in ACCESS EXCLUSIVE and read.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE d PARTITION OF t DEFAULT; CREATE TABLE n (a int);',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      locks: { 'public.d': 'ACCESS EXCLUSIVE' },
      scans: ['public.d', 'public.n'],
    },
    {
      says: 'With a CHECK that excludes the bound it is not read.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE d PARTITION OF t DEFAULT; ' +
        'ALTER TABLE d ADD CHECK (NOT (a IS NOT NULL AND a >= 0 AND a < 9)); CREATE TABLE n (a int NOT NULL, ' +
        'CHECK (a >= 0 AND a < 9));',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      locks: { 'public.d': 'ACCESS EXCLUSIVE' },
      scans: [],
    },
    {
      says: 'A bound of several columns is proven by a CHECK that orders them the same way.',
      setup:
        'CREATE TABLE t (a int, b int) PARTITION BY RANGE (a, b); CREATE TABLE n (a int NOT NULL, b int NOT NULL, ' +
        'CHECK ((a > 1 OR (a = 1 AND b >= 5)) AND (a < 3 OR (a = 3 AND b < 7))));',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (1, 5) TO (3, 7)',
      scans: [],
    },
    {
      says: 'A partition by hash is proven by satisfies_hash_partition.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY HASH (a); CREATE TABLE n (a int, ' +
        "CHECK (satisfies_hash_partition('t'::regclass, 4, 0, a)));",
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES WITH (MODULUS 4, REMAINDER 0)',
      scans: [],
    },
    {
      says: 'A value that is converted as it is compared proves nothing.',
      setup:
        'CREATE TABLE t (a timestamptz) PARTITION BY RANGE (a); CREATE TABLE n (a timestamptz NOT NULL, ' +
        "CHECK (a >= '2026-01-01'::date AND a < '2027-01-01'::date));",
      statement: "ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM ('2026-01-01'::date) TO ('2027-01-01'::date)",
      scans: ['public.n'],
    },
    {
      says: 'An index that the new partition lacks is built under the same lock, which reads it too.',
      setup:
        'CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE INDEX ON t (a); ' +
        'CREATE TABLE n (a int NOT NULL, CHECK (a >= 0 AND a < 9));',
      statement: 'ALTER TABLE t ATTACH PARTITION n FOR VALUES FROM (0) TO (9)',
      locks: { 'public.n': 'ACCESS EXCLUSIVE' },
      scans: ['public.n'],
    },
  ],
  *check(subject, { major }) {
    const attached = attachedPartition(subject)
    if (attached === undefined) return
    const observation = observationOf(subject)
    const reads = observation ? seenReads(subject, attached, observation) : readsByText(subject, attached)
    if (reads === undefined) {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const { child, rest, indexes } = reads
    const read = [...(child ? [child] : []), ...(rest ? [`the DEFAULT partition ${rest}`] : [])]
    if (read.length === 0 && indexes === undefined) return
    const does = [
      ...(read.length > 0 ? [`reads all of ${read.join(' and of ')}`] : []),
      ...(indexes === undefined ? [] : [`builds the indexes that ${indexes} lacks`]),
    ]
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [
        observation
          ? traceEvidence(major, observation)
          : measured(shapeOf(reads), major, { t: attached.parent, n: attached.child, ...(rest && { d: rest }) }),
      ],
      message: `ATTACH PARTITION ${does.join(' and ')} while every read and write of ${
        read.length > 1 ? 'them' : 'it'
      } waits (ACCESS EXCLUSIVE)`,
      ...(rest !== undefined && { severity: 'error' as const }),
      ...partitionCheckRecipe(subject, attached, reads),
    }
  },
})

function shapeOf({ child, rest }: AttachReads): LockShapeName {
  if (rest !== undefined) return 'ALTER TABLE … ATTACH PARTITION, with a DEFAULT partition'
  return child === undefined ? 'ALTER TABLE … ATTACH PARTITION, validated CHECK' : 'ALTER TABLE … ATTACH PARTITION'
}

function seenReads(subject: StatementSubject, attached: AttachedPartition, { scans }: Observation): AttachReads {
  const { draft, child, parent } = attached
  const used = scans.filter((relation) => !isUnused(subject, textNameOf(relation)))
  const known = draft.tables.get(child)
  const own = new Set([child, ...leavesOf(draft, child).map((leaf) => leaf.name)])
  const rest = defaultPartitionOf(draft, parent)
  const ofRest = new Set(rest && [rest.name, ...leavesOf(draft, rest.name).map((leaf) => leaf.name)])
  // The trace of code shows what all of it read.
  const isRest = (relation: string) =>
    ofRest.has(relation) || (rest === undefined && subject.within === undefined && !own.has(relation))
  const others = used.filter((relation) => isRest(textNameOf(relation)))
  const seenChild = used.find((relation) => own.has(textNameOf(relation)))
  // Building an index reads it too: then only the text tells whether a CHECK would have spared the other reading.
  const above = draft.tables.get(parent)
  const builds = seenChild !== undefined && known !== undefined && above !== undefined && lacksIndex(above, known)
  const proven = builds && isFitProven(subject, attached, known)
  return {
    child: proven ? undefined : seenChild,
    rest: others.length === 0 ? undefined : (rest?.name ?? others[0]),
    indexes: builds ? seenChild : undefined,
  }
}

/** Undefined where the text does not show enough. */
function readsByText(subject: StatementSubject, attached: AttachedPartition): AttachReads | undefined {
  const { history } = subject.migration
  const { draft, child, parent, bound } = attached
  const [table, above] = [draft.tables.get(child), draft.tables.get(parent)]
  const rest = defaultPartitionOf(draft, parent)
  const readsRest =
    rest !== undefined && !isUnused(subject, rest.name) && !isProvenBy(rest, keyColumns(subject, attached), false)
  const reads: AttachReads = { child: undefined, rest: readsRest ? rest.name : undefined, indexes: undefined }
  if (isUnused(subject, child)) return reads
  if (table === undefined || creationOf(history, table) === undefined) return readsRest ? reads : undefined
  const leaves = table.kind === 'partitioned table' ? leavesOf(draft, child) : [table]
  if (leaves.every(({ name, kind }) => kind === 'foreign table' || isUnused(subject, name))) return reads
  const isAlone = bound?.node.is_default === true && above !== undefined && partitionsOf(draft, parent).length === 0
  if (!isAlone && !isFitProven(subject, attached, table)) reads.child = child
  if (above !== undefined && lacksIndex(above, table)) reads.indexes = child
  return reads
}

/** Whether the partitioned table has an index of columns that the new partition has none of. */
function lacksIndex(parent: DraftTable, child: DraftTable): boolean {
  const own = [...child.indexes, ...child.keys].map(({ columns }) => columns.join('\0'))
  return [...parent.indexes, ...parent.keys].some(({ columns }) => !own.includes(columns.join('\0')))
}
