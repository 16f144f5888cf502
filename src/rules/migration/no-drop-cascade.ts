import type { ObjectChange, Observation } from '../../findings/observation.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { acknowledge } from '../acknowledgement.ts'
import { isSeenNew } from '../new-objects.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { Verdict } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { cascadedDrop } from './cascaded-drop.ts'

/** Objects that a message names before the rest is a count. */
const mostNamed = 10

export default defineRule({
  id: 'no-drop-cascade',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterTableStmt', 'DropOwnedStmt', 'DropStmt'],
  statementsWithCode: true,
  about: 'change',
  destructive: true,
  needs: ['source', 'trace'],
  summary: 'A DROP … CASCADE takes along what it does not name, or DROP OWNED drops what a role owns',
  why:
    'CASCADE drops whatever depends on the object, and what depends on that: views, functions, foreign keys of other ' +
    'tables, columns of a type. The statement does not say what, and a NOTICE is all that is left of it. With a trace ' +
    'kei names exactly what went, and says nothing where nothing did; without one it can only warn. What the other ' +
    'drop rules find, the object itself and what is inside a schema, is left to them.',
  instead:
    'Leave CASCADE out. PostgreSQL then refuses and lists what depends on the object; drop or change each of those by ' +
    'a statement of its own. Before DROP OWNED write REASSIGN OWNED BY role TO another: what is left for DROP OWNED ' +
    'then are privileges.',
  examples: [
    {
      title: 'A view and a foreign key go with their table',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);\n' +
        'CREATE TABLE order_items (order_id bigint REFERENCES orders);\n' +
        'CREATE VIEW big_orders AS SELECT id FROM orders WHERE total > 1000;',
      bad: 'ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE;',
      at: 'ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE',
      good:
        'ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey;\n' +
        'ALTER TABLE orders DROP CONSTRAINT orders_pkey;',
    },
    {
      title: 'A view on another view',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);\n' +
        'CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 1000;\n' +
        'CREATE VIEW huge_orders AS SELECT id FROM big_orders WHERE total > 100000;',
      bad: 'DROP VIEW big_orders CASCADE;',
      at: 'DROP VIEW big_orders CASCADE',
      good: 'DROP VIEW huge_orders;\nDROP VIEW big_orders;',
    },
    {
      title: 'A table and view that the same file creates',
      setup: 'CREATE SEQUENCE numbers;\nCREATE TABLE orders (id bigint DEFAULT nextval(’numbers’));'.replaceAll(
        '’',
        "'",
      ),
      bad: 'DROP SEQUENCE numbers CASCADE;',
      at: 'DROP SEQUENCE numbers CASCADE',
      good:
        'CREATE TABLE draft (id bigint PRIMARY KEY);\nCREATE VIEW drafts AS SELECT id FROM draft;\n' +
        'DROP TABLE draft CASCADE;\nDROP TABLE IF EXISTS old CASCADE;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ddl-depend.html',
    'https://www.postgresql.org/docs/17/sql-drop-owned.html',
    'https://www.postgresql.org/docs/17/role-removal.html',
  ],
  options: {},
  claims: [
    {
      says: 'Without CASCADE the drop is refused while a view depends on the table.',
      setup: 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;',
      statement: 'DROP TABLE t',
      fails: '2BP01',
    },
    {
      says: 'With CASCADE the view goes, and the views on it.',
      setup: 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT a FROM v;',
      statement: 'DROP TABLE t CASCADE',
      then: { query: "SELECT to_regclass('w')::text", rows: [[null]] },
    },
    {
      says: 'The foreign keys of other tables go without a trace; the tables stay.',
      setup: 'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE r (a int REFERENCES t);',
      statement: 'DROP TABLE t CASCADE',
      then: { query: "SELECT count(*)::text FROM pg_constraint WHERE conrelid = 'r'::regclass", rows: [['0']] },
    },
    {
      says: 'DROP OWNED drops the role’s tables.',
      setup: 'CREATE ROLE kei_claim_owner; CREATE TABLE t (a int); ALTER TABLE t OWNER TO kei_claim_owner;',
      statement: 'DROP OWNED BY kei_claim_owner',
      then: { query: "SELECT to_regclass('t')::text", rows: [[null]] },
    },
    {
      says: 'After REASSIGN OWNED it finds only privileges.',
      setup:
        'CREATE ROLE kei_claim_owner; CREATE TABLE t (a int); ALTER TABLE t OWNER TO kei_claim_owner; ' +
        'REASSIGN OWNED BY kei_claim_owner TO CURRENT_USER;',
      statement: 'DROP OWNED BY kei_claim_owner',
      then: { query: "SELECT to_regclass('t')::text", rows: [['t']] },
    },
  ],
  *check(subject, { major }) {
    const owned = statementOf(subject.statement, 'DropOwnedStmt')
    if (owned) {
      yield* checkOwned(subject, owned)
      return
    }
    const observation = observationOf(subject.within ?? subject)
    if (observation === undefined) {
      yield* checkText(subject)
      return
    }
    // What its code took along is told of the statement around it, once.
    if (subject.within !== undefined || !mayCascade(subject)) return
    const along = takenAlong(subject, observation)
    if (along.length === 0) return
    const list = inWords(along.map(({ objectType, name }) => `${objectType} ${name}`))
    yield {
      kind: 'finding',
      at: placeOfStatement(subject),
      evidence: [traceEvidence(major, observation, { 'dropped along': list })],
      message: `CASCADE takes along what ${statedBy(subject)} does not name: ${list}`,
      next: withoutCascade(subject),
    }
  },
})

/** Roles in a target may own what they own nowhere else: neither text nor trace shows what is lost. */
function* checkOwned(subject: StatementSubject, owned: NodeOf<'DropOwnedStmt'>): Iterable<Verdict> {
  const names = rolesOf(owned.roles)
  const reassigned = new Set(
    subject.migration.statements
      .filter(({ statement }) => statement.start < subject.statement.start)
      .flatMap(({ statement }) => rolesOf(statementOf(statement, 'ReassignOwnedStmt')?.roles)),
  )
  const left = names.filter((name) => !reassigned.has(name))
  if (left.length === 0) return
  yield {
    kind: 'finding',
    at: placeOfStatement(subject),
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message: `DROP OWNED destroys whatever ${left.join(', ')} owns in this database, tables with all rows among it`,
    next: acknowledge(
      subject,
      'no-drop-cascade',
      `Write REASSIGN OWNED BY ${left.join(', ')} TO another role before it.`,
    ),
  }
}

function rolesOf(roles: NodeOf<'DropOwnedStmt'>['roles']): string[] {
  return (roles ?? []).map((role) => {
    const spec = nodeOf(role, 'RoleSpec')
    return spec?.rolename ?? spec?.roletype?.replace('ROLESPEC_', '') ?? ''
  })
}

/** Not where the statement names nothing with CASCADE: all that goes then goes with what it names. */
function mayCascade({ statement }: StatementSubject): boolean {
  const drop = statementOf(statement, 'DropStmt')
  const alter = statementOf(statement, 'AlterTableStmt')
  if (drop) return drop.behavior === 'DROP_CASCADE'
  return !alter || (alter.cmds ?? []).some((each) => nodeOf(each, 'AlterTableCmd')?.behavior === 'DROP_CASCADE')
}

function* checkText(subject: StatementSubject): Iterable<Verdict> {
  const drop = cascadedDrop(subject)
  if (drop === undefined) return
  if (drop === 'unclear') {
    yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
    return
  }
  const { verb, foreignKeys } = drop
  yield {
    kind: 'finding',
    at: placeOfStatement(subject),
    severity: 'warning',
    evidence: [{ kind: 'source', text: subject.statement.text }],
    message:
      foreignKeys.length === 0
        ? `${verb} … CASCADE drops whatever depends on it: what that is is not known without a trace`
        : `${verb} … CASCADE takes along ${inWords(foreignKeys)}; what else depends on it is not known without a trace`,
    next: withoutCascade(subject),
  }
}

function withoutCascade(subject: StatementSubject): string {
  return acknowledge(
    subject,
    'no-drop-cascade',
    'Leave CASCADE out and drop what depends on it by statements of their own, each after the code that uses it is gone.',
  )
}

/** What depended on the dropped objects, and is neither new nor a part of one of them. */
function takenAlong(subject: StatementSubject, { dropped }: Observation): ObjectChange[] {
  const schemas = dropped.filter(({ objectType, cascaded }) => objectType === 'schema' && !cascaded)
  const extension = dropped.some(({ objectType, cascaded }) => objectType === 'extension' && !cascaded)
  const gone = new Set(dropped.flatMap(({ objectType, name }) => (relations.has(objectType) ? [name] : [])))
  // A serial's default depends on its sequence, which goes with the column.
  const goneColumns = new Set(dropped.flatMap(({ objectType, name }) => (objectType === 'table column' ? [name] : [])))
  return dropped.filter((object) => {
    const { objectType, name, dependent } = object
    if (!dependent || isSeenNew(subject.migration, object, subject.statement.index)) return false
    // A view's query, and the operators and functions that make up an extension or an operator class.
    if (objectType === 'rule' && name.startsWith('"_RETURN" on ')) return false
    if (objectType.includes(' of access method')) return false
    if (extension && madeByExtensions.has(objectType)) return false
    if (schemas.some((schema) => name.startsWith(`${schema.name}.`))) return false
    const column = /^for (.*)$/.exec(name)?.[1]
    if (column !== undefined && goneColumns.has(column)) return false
    const owner = / on (.*)$/.exec(name)?.[1] ?? column?.replace(/\.(?:"(?:[^"]|"")*"|[^".]*)$/, '')
    return owner === undefined || !gone.has(owner)
  })
}

const relations: ReadonlySet<string> = new Set(['table', 'foreign table', 'view', 'materialized view'])

const madeByExtensions: ReadonlySet<string> = new Set([
  'type',
  'function',
  'aggregate',
  'operator',
  'operator class',
  'operator family',
  'cast',
])

function statedBy({ statement }: StatementSubject): string {
  return statement.tag === 'DropStmt' || statement.tag === 'AlterTableStmt' ? 'the statement' : 'this statement’s code'
}

function inWords(names: readonly string[]): string {
  const more = names.length - mostNamed
  return names.slice(0, mostNamed).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
