import type { Node } from '@pgsql/types'
import { skipSpace } from '../sql/blank.ts'
import { modifiersOf, typeNameOf } from '../sql/declarations.ts'
import { textName } from '../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import { tokenEnd } from '../sql/token.ts'
import { createdName, searchPathAt } from './search-path.ts'
import type { HistorySubject, StatementSubject } from './subject.ts'

/** A domain as the text that creates it shows it. */
export interface Domain {
  /** Its base type as it is written: `numeric(10, 2)`. */
  baseText: string
  /** As a column's type is named. */
  base: string
  modifiers: readonly number[]
  /** The expressions of its CHECKs, without the parentheses around them. */
  checks: string[]
  notNull: boolean
  default?: Node
  /** Whether an ALTER DOMAIN changed it: the rest is then only where it began. */
  altered: boolean
}

/** The domain of a name, as statements before `subject` leave it; undefined when the text shows none. */
export function domainOf(name: string, subject: StatementSubject): Domain | undefined {
  let domain: Domain | undefined
  // Most histories have no domain, and every new column asks.
  if (!hasDomains(subject.migration.history)) return undefined
  const wanted = name.includes('.') ? [name] : searchPathAt(subject).map((schema) => textName(schema, name))
  for (const each of subjectsBefore(subject)) {
    const { statement } = each
    const create = statementOf(statement, 'CreateDomainStmt')
    if (create && wanted.includes(createdAs(each, create.domainname))) domain = readDomain(statement)
    const alter = statementOf(statement, 'AlterDomainStmt')
    if (domain && alter && wanted.includes(createdAs(each, alter.typeName))) domain.altered = true
  }
  return domain
}

const known = new WeakMap<HistorySubject, boolean>()

function hasDomains(history: HistorySubject): boolean {
  let has = known.get(history)
  if (has === undefined) {
    has = history.migrations.some(({ statements }) =>
      statements.some(({ statement }) => statement.tag === 'CreateDomainStmt'),
    )
    known.set(history, has)
  }
  return has
}

/** The statements of the history before `subject`, or before the one around it. */
export function* statementsBefore(subject: StatementSubject): Iterable<Statement> {
  for (const { statement } of subjectsBefore(subject)) yield statement
}

/** As `statementsBefore`, each with its migration. */
export function* subjectsBefore({ migration, statement, within }: StatementSubject): Iterable<StatementSubject> {
  const before = (within?.statement ?? statement).index
  for (const each of migration.history.migrations) {
    for (const earlier of each.statements) {
      if (each === migration && earlier.statement.index >= before) return
      yield earlier
    }
    if (each === migration) return
  }
}

function createdAs(subject: StatementSubject, names: readonly Node[] | undefined): string {
  const [name = '', schema] = namesOf({ List: { items: [...(names ?? [])] } }).toReversed()
  return createdName(subject, schema, name)
}

function readDomain(statement: Statement): Domain {
  const create = statementOf(statement, 'CreateDomainStmt')
  const constraints = (create?.constraints ?? []).flatMap((each) => nodeOf(each, 'Constraint') ?? [])
  const at = (location: number | undefined) => statement.offsetOf(location ?? 0) - statement.start
  const baseStart = at(create?.typeName?.location)
  const ends = [...constraints, create?.collClause].flatMap((part) => (part ? [at(part.location)] : []))
  const declared = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr
  return {
    baseText: statement.text.slice(baseStart, Math.min(statement.text.length, ...ends)).trim(),
    base: typeNameOf(create?.typeName),
    modifiers: modifiersOf(create?.typeName),
    checks: constraints.flatMap((each) =>
      each.contype === 'CONSTR_CHECK' ? [parenthesized(statement.text, at(each.location))] : [],
    ),
    notNull: constraints.some(({ contype }) => contype === 'CONSTR_NOTNULL'),
    ...(declared && { default: declared }),
    altered: false,
  }
}

/** What stands in the first parentheses from `start` on. */
export function parenthesized(text: string, start: number): string {
  let depth = 0
  let open = start
  for (let at = skipSpace(text, start); at < text.length; at = skipSpace(text, tokenEnd(text, at))) {
    if (text[at] === '(' && depth++ === 0) open = at + 1
    else if (text[at] === ')' && --depth === 0) return text.slice(open, at).trim()
  }
  return text.slice(open).trim()
}

/** A domain's CHECK expression as one of a column: VALUE becomes its name. */
export function checkOfColumn(expression: string, column: string): string {
  let result = ''
  let last = 0
  for (
    let at = skipSpace(expression, 0);
    at < expression.length;
    at = skipSpace(expression, tokenEnd(expression, at))
  ) {
    const end = tokenEnd(expression, at)
    const isValue = expression.slice(at, end).toLowerCase() === 'value'
    result += `${expression.slice(last, at)}${isValue ? column : expression.slice(at, end)}`
    last = end
  }
  return result + expression.slice(last)
}
