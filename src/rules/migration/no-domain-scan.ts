import { quoteIdentifier } from '../../sql/identifier.ts'
import { textName } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import type { NodeOf } from '../../sql/statement.ts'
import { acknowledge } from '../acknowledgement.ts'
import { withoutName } from '../added-constraint.ts'
import { measured } from '../lock-table/lock-table.ts'
import type { LockShapeName } from '../lock-table/lock-table.ts'
import { observationOf, traceEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import { recipe } from '../recipe.ts'
import { defineRule } from '../rule.ts'
import { searchPathAt } from '../search-path.ts'
import type { StatementSubject } from '../subject.ts'
import { isInUse } from '../used-table.ts'
import { tableLocks } from './table-locks.ts'

type AlterDomainStmt = NodeOf<'AlterDomainStmt'>

export default defineRule({
  id: 'no-domain-scan',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  statements: ['AlterDomainStmt'],
  about: 'change',
  needs: ['measured', 'trace'],
  summary: 'A constraint of a domain that is validated while every table that uses the domain is locked against writes',
  why:
    'ALTER DOMAIN … ADD CHECK, SET NOT NULL and VALIDATE CONSTRAINT take SHARE on every table that has a column of the ' +
    'domain, read all of them, and keep the locks to the end: every INSERT, UPDATE and DELETE on any of those tables ' +
    'waits until the last one is read. NOT VALID puts that off, but unlike a table’s constraint a domain’s has no ' +
    'validation that lets writes through.',
  instead:
    'Add the CHECK NOT VALID: that locks no table, and every value written from then on is held to it. Leave it so, or ' +
    'validate it in a quiet moment. Where the old rows have to be proven while the tables are used, give each table a ' +
    'CHECK constraint of its own, NOT VALID, and validate that.',
  examples: [
    {
      title: 'A CHECK of a domain that a table uses',
      setup: 'CREATE DOMAIN email AS text;\nCREATE TABLE customers (id bigint PRIMARY KEY, address email);',
      bad: "ALTER DOMAIN email ADD CHECK (VALUE LIKE '%@%');",
      at: "ALTER DOMAIN email ADD CHECK (VALUE LIKE '%@%')",
      good: "ALTER DOMAIN email ADD CHECK (VALUE LIKE '%@%') NOT VALID;",
    },
    {
      title: 'SET NOT NULL, and a domain that no table uses',
      setup:
        'CREATE DOMAIN email AS text;\nCREATE DOMAIN phone AS text;\n' +
        'CREATE TABLE customers (id bigint PRIMARY KEY, address email);',
      bad: 'ALTER DOMAIN email SET NOT NULL;',
      at: 'ALTER DOMAIN email SET NOT NULL',
      good: "ALTER DOMAIN phone SET NOT NULL;\nALTER DOMAIN phone ADD CHECK (VALUE <> '');",
    },
    {
      title: 'A validation locks as much',
      setup:
        'CREATE DOMAIN email AS text;\nCREATE TABLE customers (id bigint PRIMARY KEY, address email);\n' +
        "ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (VALUE LIKE '%@%') NOT VALID;",
      bad: 'ALTER DOMAIN email VALIDATE CONSTRAINT has_at;',
      at: 'ALTER DOMAIN email VALIDATE CONSTRAINT has_at',
      good: "ALTER TABLE customers ADD CHECK (address LIKE '%@%') NOT VALID;",
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-alterdomain.html'],
  options: {},
  // Left NOT VALID.
  changes: { objects: ['domain public.email'] },
  claims: [
    {
      says: 'ALTER DOMAIN … ADD CHECK holds SHARE on every table that uses the domain, and reads it.',
      setup: 'CREATE DOMAIN d AS int; CREATE TABLE t (a d); CREATE TABLE u (a d);',
      statement: 'ALTER DOMAIN d ADD CHECK (VALUE > 0)',
      locks: { 'public.t': 'SHARE', 'public.u': 'SHARE' },
      rewrites: [],
      scans: ['public.t', 'public.u'],
    },
    {
      says: 'So does VALIDATE CONSTRAINT.',
      setup:
        'CREATE DOMAIN d AS int; CREATE TABLE t (a d); ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;',
      statement: 'ALTER DOMAIN d VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'SHARE' },
      scans: ['public.t'],
    },
    {
      says: 'NOT VALID reads nothing.',
      setup: 'CREATE DOMAIN d AS int; CREATE TABLE t (a d);',
      statement: 'ALTER DOMAIN d ADD CHECK (VALUE > 0) NOT VALID',
      scans: [],
    },
    {
      says: 'A value that breaks a constraint which is NOT VALID is refused.',
      setup: 'CREATE DOMAIN d AS int; CREATE TABLE t (a d); ALTER DOMAIN d ADD CHECK (VALUE > 0) NOT VALID;',
      statement: 'INSERT INTO t VALUES (-1)',
      fails: '23514',
    },
  ],
  *check(subject, { major }) {
    const alter = statementOf(subject.statement, 'AlterDomainStmt')
    const shape = alter && shapeOf(alter)
    if (alter === undefined || shape === undefined) return
    const tables = tablesOf(subject, domainNames(subject, alter))
    if (tables === undefined) {
      yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
      return
    }
    const [first, ...others] = tables
    if (first === undefined) return
    const observation = observationOf(subject)
    const more = others.length === 0 ? '' : ` and ${others.length} more`
    yield {
      kind: 'finding',
      message: `${shape} reads all of ${first}${more} while every write to ${others.length === 0 ? 'it' : 'them'} waits (SHARE)`,
      at: placeOfStatement(subject),
      evidence: [observation ? traceEvidence(major, observation) : measured(shape, major, { t: first })],
      ...remedy(subject, alter),
    }
  },
})

function shapeOf({ subtype, def }: AlterDomainStmt): LockShapeName | undefined {
  const added = nodeOf(def, 'Constraint')
  if (subtype === 'C') {
    if (added?.skip_validation) return undefined
    return added?.contype === 'CONSTR_NOTNULL' ? 'ALTER DOMAIN … SET NOT NULL' : 'ALTER DOMAIN … ADD CHECK'
  }
  if (subtype === 'O') return 'ALTER DOMAIN … SET NOT NULL'
  return subtype === 'V' ? 'ALTER DOMAIN … VALIDATE CONSTRAINT' : undefined
}

/** What a column's type may say where it is the domain: its name as written, or with a schema of the search path. */
function domainNames(subject: StatementSubject, { typeName }: AlterDomainStmt): string[] {
  const [name = '', schema] = namesOf({ List: { items: typeName ?? [] } }).toReversed()
  if (schema !== undefined) return [textName(schema, name)]
  return [name, ...searchPathAt(subject).map((each) => textName(each, name))]
}

/** The tables in use that have a column of the domain; undefined when the text does not show what all tables have. */
function tablesOf(subject: StatementSubject, domains: readonly string[]): string[] | undefined {
  if (observationOf(subject) !== undefined) {
    return tableLocks(subject).flatMap(({ mode, printed }) => (mode === 'SHARE' ? [printed] : []))
  }
  const draft = subject.migration.history.before(subject)
  const tables = [...draft.tables.values()].filter(({ kind }) => kind === 'table' || kind === 'partitioned table')
  const using = tables
    .filter(({ columns }) => columns.some(({ type }) => domains.includes(type)))
    .map(({ name }) => name)
  if (using.length === 0 && tables.some(({ columnsKnown }) => !columnsKnown)) return undefined
  return using.filter((name) => isInUse(subject, name))
}

function remedy(subject: StatementSubject, alter: AlterDomainStmt) {
  const { statement } = subject
  const added = nodeOf(alter.def, 'Constraint')
  if (alter.subtype !== 'C' || added?.contype !== 'CONSTR_CHECK') {
    return { next: acknowledge(subject, 'no-domain-scan', withoutReading(alter)) }
  }
  const name = added.conname ?? `${namesOf({ List: { items: alter.typeName ?? [] } }).at(-1) ?? ''}_check`
  const head = /^alter\s+domain\s+.*?\sadd\s+/is.exec(statement.text)?.[0] ?? ''
  const definition = withoutName(statement.text.slice(head.length))
  return recipe(subject, {
    title: 'Add the CHECK NOT VALID',
    says:
      'Add it NOT VALID: no table is locked or read, and new values are held to it. To have the old ones proven, run ' +
      'VALIDATE CONSTRAINT in a quiet moment; it locks as much:',
    instead: `${head}CONSTRAINT ${quoteIdentifier(name)} ${definition} NOT VALID;`,
    then: [],
  })
}

/** What can be said where no edit does the same. */
function withoutReading(alter: AlterDomainStmt): string {
  const none = 'There is no way to read them that lets writes through.'
  if (alter.subtype === 'V') {
    return `${none} Do it in a quiet moment, or leave the constraint NOT VALID: new values are held to it all the same.`
  }
  const domain = namesOf({ List: { items: alter.typeName ?? [] } })
    .map(quoteIdentifier)
    .join('.')
  return (
    `${none} Do it in a quiet moment. Or let ALTER DOMAIN ${domain} ADD CHECK (VALUE IS NOT NULL) NOT VALID; stand in its ` +
    'place: it reads nothing, and new values are held to it all the same.'
  )
}
