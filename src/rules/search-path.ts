import type { RangeVar } from '@pgsql/types'
import { skipBlank } from '../sql/blank.ts'
import { quoteIdentifier, quoteTextName, textNameOf } from '../sql/identifier.ts'
import type { SchemaDraft } from '../sql/schema-draft.ts'
import { resolveName, textName, unqualified } from '../sql/schema-draft.ts'
import type { Site } from '../sql/schema-text.ts'
import type { SearchPath } from '../sql/search-path.ts'
import { defaultSearchPath, isDefaultPath, searchPathsOf } from '../sql/search-path.ts'
import { printedName } from './object-name.ts'
import { observationOf } from './observed.ts'
import { tableWritten } from './relation-left.ts'
import type { HistorySubject, MigrationDraft, MigrationSubject, StatementSubject } from './subject.ts'

const known = new WeakMap<MigrationSubject, readonly SearchPath[]>()

/** The search path in force when a statement runs, or the one around it, as the text of its file shows it. */
export function searchPathAt({ migration, statement, within }: StatementSubject): SearchPath {
  let paths = known.get(migration)
  if (paths === undefined) {
    paths = searchPathsOf(migration.statements.map((each) => each.statement))
    known.set(migration, paths)
  }
  return paths[(within?.statement ?? statement).index] ?? defaultSearchPath
}

/** The name in a `SchemaText` of what a statement creates. */
export function createdName(subject: StatementSubject, schema: string | undefined, name: string): string {
  return textName(schema ?? searchPathAt(subject)[0] ?? 'public', name)
}

/**
 * The name in a `SchemaText` of a relation or type that a statement changes: where it is without a schema, the first of
 * the search path for which `exists`; by default a relation that the history leaves.
 */
export function changedName(
  subject: StatementSubject,
  schema: string | undefined,
  name: string,
  exists = (candidate: string) => tableWritten(subject.migration.history, candidate) !== undefined,
): string {
  if (schema !== undefined) return textName(schema, name)
  const candidates = searchPathAt(subject).map((each) => textName(each, name))
  const [first = name] = candidates
  return candidates.length > 1 ? (candidates.find(exists) ?? first) : first
}

/** Whether the statement that declares something runs under a search path that its file sets. */
export function isUnderOwnPath({ migrations }: HistorySubject, { file, statement }: Site): boolean {
  const subject = migrations.find((each) => each.file === file)?.statements[statement]
  return subject !== undefined && !isDefaultPath(searchPathAt(subject))
}

/**
 * The name in a `SchemaText` of the table that a statement names. Where the file sets a search path, what the shadow
 * saw it lock decides before the text.
 */
export function namedTable(subject: StatementSubject, { schemaname, relname = '' }: RangeVar): string {
  const draft = subject.migration.history.before(subject)
  return seenTable(subject, draft, { schemaname, relname }) ?? resolveName(draft, schemaname, relname)
}

function seenTable(
  subject: StatementSubject,
  { searchPath }: SchemaDraft,
  { schemaname, relname }: { schemaname: string | undefined; relname: string },
): string | undefined {
  if (schemaname !== undefined || isDefaultPath(searchPath)) return undefined
  const observation = observationOf(subject)
  const locked = [...(observation?.locks ?? []), ...(observation?.held ?? [])].map(({ relation }) =>
    textNameOf(relation),
  )
  const [only, ...others] = new Set(locked.filter((name) => unqualified(name) === relname))
  return others.length === 0 ? only : undefined
}

/**
 * A relation as SQL finds it in the file and in a new one alike: with its schema, also public, where the file sets a search
 * path of its own.
 */
export function nameInSql(subject: StatementSubject, name: string): string {
  return isDefaultPath(searchPathAt(subject)) ? quoteTextName(name) : printedName(name)
}

/**
 * Migrations that follow, each with the search path that the file sets: text that is taken over as written, of an
 * expression or a constraint, means the same there. Left out where SET would make one transaction of what cannot be in
 * one.
 */
export function withSearchPath(
  subject: StatementSubject,
  drafts: readonly MigrationDraft[],
): readonly MigrationDraft[] {
  const path = searchPathAt(subject)
  if (isDefaultPath(path)) return drafts
  const value = path.length === 0 ? "''" : path.map(quoteIdentifier).join(', ')
  const { mode } = subject.migration
  const set = (text: string, isOutside: boolean) => {
    if (isOutside && (mode === 'simple-query' || needsNoPath(text))) return text
    // A comment that ignores a finding belongs to the statement behind it.
    const head = /^(?:[ \t]*--[ \t]*kei:[ \t]*(?!ignore[ \t]).*\n)*/i.exec(text)?.[0] ?? ''
    const first = text.slice(skipBlank(text, head.length))
    if (first === '' || /^SET (?:LOCAL |SESSION )?search_path\b/i.test(first)) return text
    return `${head}SET ${isOutside ? '' : 'LOCAL '}search_path = ${value};\n${text.slice(head.length)}`
  }
  return drafts.map((draft) => ({
    ...draft,
    up: set(draft.up, draft.outsideTransaction),
    down: set(draft.down, draft.downOutsideTransaction ?? draft.outsideTransaction),
  }))
}

const qualified = /(?:\w+|"(?:[^"]|"")*")\.(?:\w+|"(?:[^"]|"")*")/.source
const keyColumn = /(?:\w+|"(?:[^"]|"")*")(?: ASC| DESC)?(?: NULLS (?:FIRST|LAST))?/.source
const plainIndex = new RegExp(
  `^CREATE (?:UNIQUE )?INDEX CONCURRENTLY \\S+ ON (?:ONLY )?${qualified} ?\\(${keyColumn}(?:, ?${keyColumn})*\\);?\\s*$`,
  'i',
)

/** Whether a statement names nothing but relations with their schemas, as one that drops or builds a plain index does. */
function needsNoPath(text: string): boolean {
  return /^DROP INDEX\b[^;]*;?\s*$/i.test(text) || plainIndex.test(text)
}
