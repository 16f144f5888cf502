import type { StatementTrace } from '../../findings/observation.ts'
import { redactServerMessage } from '../../sql/redact.ts'
import type { NodeTag } from '../../sql/statement.ts'
import { observationOf, schemaEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { MigrationSubject, StatementSubject } from '../subject.ts'

type Failure = StatementTrace & { status: 'failed' }

export default defineRule({
  id: 'no-failing-statement',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['trace'],
  summary: 'A statement that PostgreSQL refuses on the schema that the migrations before it leave',
  why:
    'A name that nothing creates, a column that a view still reads, REFRESH … CONCURRENTLY without a unique index: ' +
    'what PostgreSQL refuses on the shadow server because of the schema it refuses in production, where the schema is ' +
    'the same. The migration stops there, and what its file committed before that stays.',
  instead:
    'Mend the statement, or what it needs before it. Where an object is made by something that kei does not run, give ' +
    'its definition in trace.setup of kei.jsonc. Not reported is what the shadow server itself may be the cause of: a ' +
    'missing extension, role, language or setting, a right, a limit, a migration written as code, and rows; nor what ' +
    'follows from an earlier statement that did not run. A history that does not make the tables it changes from its ' +
    'start is not judged by missing names.',
  examples: [
    {
      title: 'A table that no migration makes',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: 'ALTER TABLE order_lines ADD COLUMN note text;',
      at: 'ALTER TABLE order_lines ADD COLUMN note text',
      fails: '42P01',
      good: 'ALTER TABLE orders ADD COLUMN note text;',
    },
    {
      title: 'The type of a column that a view reads',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);\nCREATE VIEW totals AS SELECT total FROM orders;',
      bad: 'ALTER TABLE orders ALTER COLUMN total TYPE bigint;',
      at: 'ALTER TABLE orders ALTER COLUMN total TYPE bigint',
      fails: '0A000',
      good:
        'DROP VIEW totals;\nALTER TABLE orders ALTER COLUMN total TYPE bigint;\n' +
        'CREATE VIEW totals AS SELECT total FROM orders;',
    },
    {
      title: 'CONCURRENTLY on a view without a unique index',
      setup: 'CREATE MATERIALIZED VIEW totals AS SELECT 1 AS customer, 2 AS total;',
      bad: 'REFRESH MATERIALIZED VIEW CONCURRENTLY totals;',
      at: 'REFRESH MATERIALIZED VIEW CONCURRENTLY totals',
      fails: '55000',
      good: 'CREATE UNIQUE INDEX totals_key ON totals (customer);\nREFRESH MATERIALIZED VIEW CONCURRENTLY totals;',
    },
    {
      title: 'An attribute of a composite type that a table uses',
      setup:
        'CREATE TYPE place AS (street text, number int);\nCREATE TABLE shops (id bigint PRIMARY KEY, place place);',
      bad: 'ALTER TYPE place ALTER ATTRIBUTE number TYPE bigint;',
      at: 'ALTER TYPE place ALTER ATTRIBUTE number TYPE bigint',
      fails: '0A000',
      good: 'ALTER TYPE place ADD ATTRIBUTE town text;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/errcodes-appendix.html'],
  options: {},
  claims: [
    {
      says: 'A table that is not there cannot be altered.',
      setup: '',
      statement: 'ALTER TABLE t ADD COLUMN a int',
      fails: '42P01',
    },
    {
      says: 'The type of a column that a view reads cannot be changed.',
      setup: 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;',
      statement: 'ALTER TABLE t ALTER COLUMN a TYPE bigint',
      fails: '0A000',
    },
    {
      says: 'REFRESH … CONCURRENTLY wants a unique index.',
      setup: 'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;',
      statement: 'REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      fails: '55000',
    },
  ],
  *check(migration, { major }) {
    const { statements, released } = migration
    if (!released && statements.length > 0 && statements.every(({ trace }) => trace === undefined)) {
      yield { kind: 'unknown', needs: 'a trace', file: migration.file }
      return
    }
    for (const subject of statements) {
      const { trace } = subject
      if (trace?.status !== 'failed' || !isOfSchema(subject, trace)) continue
      const why = redactServerMessage(trace.cause, subject.statement.text)
        .replace(/\s+/g, ' ')
        .replace(/[.\s]+$/, '')
      const refused = `${why} (${trace.sqlstate})`
      yield {
        kind: 'finding',
        message: `PostgreSQL refuses this: ${refused}`,
        at: placeOfStatement(subject),
        evidence: [schemaEvidence(major, { refused })],
        next: isMissing(trace)
          ? 'Mend it, or what has to be there before it. If something that kei does not run makes it, give its ' +
            'definition in trace.setup of kei.jsonc.'
          : 'Mend it, or what has to be there before it.',
      }
    }
  },
})

/** Whether the schema is certain to be the cause, which in production is the same. */
function isOfSchema(subject: StatementSubject, failure: Failure): boolean {
  const { sqlstate = '', cause } = failure
  if (!schemaStatements.has(subject.statement.tag) || failure.codeBefore !== undefined) return false
  if (ofSurroundings.test(cause)) return false
  const isState = sqlstate.startsWith('42') || otherStates.has(sqlstate)
  if (!isState || sqlstate === insufficientPrivilege) return false
  if (isConcurrentOnPartitioned(subject, sqlstate)) return false
  const { before, makesTable } = standing(subject)
  // What stands in for an extension has not all of its functions, types and operators.
  if (before.some(({ trace }) => trace?.status === 'skipped') && (isMissing(failure) || sqlstate.startsWith('4284'))) {
    return false
  }
  return (
    !isMissing(failure) || (makesTable && !before.some(({ trace }) => trace?.status === 'failed' && isMissing(trace)))
  )
}

/** What the schema alone decides; code and queries may depend on rows, the rest on the server and its roles. */
const schemaStatements: ReadonlySet<NodeTag> = new Set<NodeTag>([
  'AlterDomainStmt',
  'AlterEnumStmt',
  'AlterObjectSchemaStmt',
  'AlterSeqStmt',
  'AlterTableStmt',
  'ClusterStmt',
  'CommentStmt',
  'CompositeTypeStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreatePolicyStmt',
  'CreateSeqStmt',
  'CreateStatsStmt',
  'CreateStmt',
  'CreateTableAsStmt',
  'CreateTrigStmt',
  'DeleteStmt',
  'DropStmt',
  'IndexStmt',
  'InsertStmt',
  'LockStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'RenameStmt',
  'TruncateStmt',
  'UpdateStmt',
  'ViewStmt',
])

/** Feature not supported, wrong state of an object, dependent objects, unknown schema. */
const otherStates: ReadonlySet<string> = new Set(['0A000', '55000', '2BP01', '3F000'])

const insufficientPrivilege = '42501'

/** Kinds of objects that a server has or has not, whatever its schema; names in it are quoted. */
const ofSurroundings =
  /^(?:role|user|language|tablespace|extension|collation|encoding|server|foreign-data wrapper|access method|publication|subscription|text search|unrecognized configuration|must be|permission)|not available|could not open extension/i

/** Undefined table, column, object, function, schema. */
const missingStates: ReadonlySet<string> = new Set(['42P01', '42703', '42704', '42883', '3F000'])

function isMissing({ sqlstate = '' }: Failure): boolean {
  return missingStates.has(sqlstate)
}

/** `require-concurrent-index` says that, with the way out. */
function isConcurrentOnPartitioned({ statement }: StatementSubject, sqlstate: string): boolean {
  return statement.tag === 'IndexStmt' && sqlstate === '0A000'
}

interface Standing {
  /** The statements before, of all files. */
  before: StatementSubject[]
  /** Whether one of them makes a table: then the history is where tables come from. */
  makesTable: boolean
}

function standing({ migration, statement }: StatementSubject): Standing {
  const { migrations } = migration.history
  const earlier = migrations
    .slice(0, migrations.indexOf(migration))
    .flatMap((each: MigrationSubject) => each.statements)
  const before = [...earlier, ...migration.statements.slice(0, statement.index)]
  const makesTable = before.some((each) =>
    observationOf(each)?.created.some(({ objectType }) => objectType === 'table' || objectType === 'materialized view'),
  )
  return { before, makesTable }
}
