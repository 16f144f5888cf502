import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName, textNameOf } from '../../sql/identifier.ts'
import { resolveName } from '../../sql/schema-draft.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { printedName } from '../object-name.ts'
import { lastObserved, schemaEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { defineRule } from '../rule.ts'
import { afterSemicolon } from '../recipe.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'require-row-security',
  since: '0.1.0',
  severity: 'error',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'Policies on a table whose row security is not enabled: they keep nobody from any row',
  why:
    'CREATE POLICY succeeds without ENABLE ROW LEVEL SECURITY, and does nothing: whoever may read the table reads all of ' +
    'its rows, those of other tenants too. It looks right in every review.',
  instead:
    'ALTER TABLE … ENABLE ROW LEVEL SECURITY, in the file of the first policy. The other half is a note: row security ' +
    'enabled and no policy at all, so that nobody but the owner sees or writes a row. The owner of a table passes its ' +
    'policies by; where the application is the owner, FORCE ROW LEVEL SECURITY holds it to them too.',
  examples: [
    {
      title: 'Policies that are not in force',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, tenant text NOT NULL);',
      bad: "CREATE POLICY tenant_orders ON orders USING (tenant = current_setting('app.tenant'));",
      at: "CREATE POLICY tenant_orders ON orders USING (tenant = current_setting('app.tenant'))",
      good:
        'ALTER TABLE orders ENABLE ROW LEVEL SECURITY;\n' +
        "CREATE POLICY tenant_orders ON orders USING (tenant = current_setting('app.tenant'));",
    },
    {
      title: 'Row security without a policy',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, tenant text NOT NULL);',
      bad: 'ALTER TABLE orders ENABLE ROW LEVEL SECURITY;',
      at: 'ALTER TABLE orders ENABLE ROW LEVEL SECURITY',
      good:
        'ALTER TABLE orders ENABLE ROW LEVEL SECURITY;\n' +
        "CREATE POLICY tenant_orders ON orders USING (tenant = current_setting('app.tenant'));",
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/ddl-rowsecurity.html'],
  options: {},
  changes: { objects: ['row security public.orders'] },
  claims: [
    {
      says: 'A policy alone keeps nobody from any row.',
      setup:
        'CREATE ROLE kei_claim_reader; CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); ' +
        'CREATE POLICY p ON t USING (a = 1); GRANT SELECT ON t TO kei_claim_reader; SET ROLE kei_claim_reader; ' +
        'CREATE TEMP TABLE seen AS SELECT count(*) AS rows FROM t; GRANT SELECT ON seen TO PUBLIC;',
      statement: 'SELECT 1',
      then: { query: 'SELECT rows::text FROM seen', rows: [['2']] },
    },
    {
      says: 'Enabled, it does.',
      setup:
        'CREATE ROLE kei_claim_reader; CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); ' +
        'CREATE POLICY p ON t USING (a = 1); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ' +
        'GRANT SELECT ON t TO kei_claim_reader; SET ROLE kei_claim_reader; ' +
        'CREATE TEMP TABLE seen AS SELECT count(*) AS rows FROM t; GRANT SELECT ON seen TO PUBLIC;',
      statement: 'SELECT 1',
      then: { query: 'SELECT rows::text FROM seen', rows: [['1']] },
    },
    {
      says: 'Enabled without a policy, there are no rows.',
      setup:
        'CREATE ROLE kei_claim_reader; CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); ' +
        'ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t TO kei_claim_reader; SET ROLE kei_claim_reader; ' +
        'CREATE TEMP TABLE seen AS SELECT count(*) AS rows FROM t; GRANT SELECT ON seen TO PUBLIC;',
      statement: 'SELECT 1',
      then: { query: 'SELECT rows::text FROM seen', rows: [['0']] },
    },
  ],
  *check(history, { major }) {
    for (const half of halves(history)) {
      const { subject, table, isSeen } = half
      const traced = isSeen ? schemaEvidence(major, factsOf(half)) : undefined
      const evidence: [Evidence, ...Evidence[]] = subject
        ? [{ kind: 'source', text: subject.statement.text }]
        : [traced ?? { kind: 'source', text: table }]
      if (subject && traced) evidence.push(traced)
      yield { ...remarkOf(half), at: placeOf(history, half), evidence, ...remedy(history, half) }
    }
  },
  *live(database) {
    for (const half of halves(stateOf(database))) {
      yield {
        ...remarkOf(half),
        at: { kind: 'object', objectType: 'table', name: printedName(half.table) },
        evidence: [{ kind: 'catalog', facts: factsOf(half) }],
        next: half.missing === 'row security' ? `In a migration:\n  ${enable(half.table)}` : nextForPolicy,
      }
    }
  },
})

/** A table that has one half of row security. */
interface Half {
  /** The name of a `SchemaText`. */
  table: string
  missing: 'row security' | 'policy'
  policies: string[]
  /** The last statement that makes the half that is there, where the text shows it. */
  subject?: StatementSubject
  /** Whether the catalog shows it. */
  isSeen: boolean
}

interface RowSecurity {
  policies: Map<string, StatementSubject>
  enabled?: StatementSubject
}

function* halves(state: SchemaState): Generator<Half> {
  const written = readText(state)
  const { catalog, complete } = state
  const seen = new Map<string, { policies: string[]; enabled: boolean }>()
  const of = (printed: string) => {
    const table = textNameOf(printed)
    let found = seen.get(table)
    if (found === undefined) seen.set(table, (found = { policies: [], enabled: false }))
    return found
  }
  for (const { objectType, name } of catalog?.objects ?? []) {
    const [policy = '', table] = objectType === 'policy' ? splitOn(name) : []
    if (table !== undefined) of(table).policies.push(policy)
    else if (objectType === 'row security') of(name).enabled = true
  }
  for (const [table, { policies, enabled }] of seen) {
    const text = written.get(table)
    if (policies.length > 0 && !enabled) {
      const subject = [...(text?.policies.values() ?? [])].at(-1)
      yield { table, missing: 'row security', policies, isSeen: true, ...(subject && { subject }) }
    } else if (policies.length === 0 && enabled) {
      const subject = text?.enabled
      yield { table, missing: 'policy', policies, isSeen: true, ...(subject && { subject }) }
    }
  }
  if (catalog !== undefined && complete) return
  const there = new Set(state.schema.tables.map(({ name }) => name))
  for (const [table, { policies, enabled }] of written) {
    if (seen.has(table) || !there.has(table)) continue
    const subject = [...policies.values()].at(-1)
    if (subject && enabled === undefined) {
      yield { table, missing: 'row security', policies: [...policies.keys()].map(quoteIdentifier), subject, isSeen: false }
    } else if (enabled && policies.size === 0) {
      yield { table, missing: 'policy', policies: [], subject: enabled, isSeen: false }
    }
  }
}

/** A policy's name in a catalog: `tenant on public.orders`. */
function splitOn(name: string): [policy: string, table: string] {
  const [, policy = '', table = ''] = /^("(?:[^"]|"")*"|[^" ]+) on (.*)$/s.exec(name) ?? []
  return [policy, table]
}

function readText({ migrations }: SchemaState): Map<string, RowSecurity> {
  const found = new Map<string, RowSecurity>()
  const of = (subject: StatementSubject, relation: { schemaname?: string; relname?: string } | undefined) => {
    const draft = subject.migration.history.before(subject)
    const table = resolveName(draft, relation?.schemaname, relation?.relname ?? '')
    let own = found.get(table)
    if (own === undefined) found.set(table, (own = { policies: new Map() }))
    return own
  }
  for (const migration of migrations) {
    for (const outer of migration.statements) {
      for (const subject of [outer, ...outer.inner]) {
        const { statement } = subject
        const policy = statementOf(statement, 'CreatePolicyStmt')
        const alter = statementOf(statement, 'AlterTableStmt')
        const drop = statementOf(statement, 'DropStmt')
        if (policy?.policy_name !== undefined) of(subject, policy.table).policies.set(policy.policy_name, subject)
        for (const each of alter?.cmds ?? []) {
          const { subtype } = nodeOf(each, 'AlterTableCmd') ?? {}
          if (subtype === 'AT_EnableRowSecurity') of(subject, alter?.relation).enabled = subject
          if (subtype === 'AT_DisableRowSecurity') delete of(subject, alter?.relation).enabled
        }
        if (drop?.removeType === 'OBJECT_POLICY') {
          for (const object of drop.objects ?? []) {
            const names = namesOf(object)
            const [name = '', relname = '', schemaname] = names.toReversed()
            of(subject, { relname, ...(schemaname !== undefined && { schemaname }) }).policies.delete(name)
          }
        }
      }
    }
  }
  return found
}

function factsOf({ policies, missing }: Half): Record<string, string> {
  return missing === 'row security'
    ? { policies: policies.join(', '), 'row security': 'not enabled' }
    : { policies: 'none', 'row security': 'enabled' }
}

function remarkOf({ table, missing, policies }: Half) {
  const named = policies.length === 1 ? `the policy ${policies[0]}` : `${policies.length} policies`
  return {
    kind: 'finding' as const,
    ...(missing === 'policy' && { severity: 'note' as const }),
    message:
      missing === 'row security'
        ? `${table} has ${named} and row security is not enabled on it: every role that may read it reads all rows`
        : `${table} has row security and no policy: nobody but its owner sees or writes a row`,
    identity: `${table}: ${missing}`,
    object: printedName(table),
  }
}

const nextForPolicy =
  'Leave it where nobody else is to see the table; else add the policies in the same file (CREATE POLICY).'

function enable(table: string): string {
  return `ALTER TABLE ${quoteTextName(table)} ENABLE ROW LEVEL SECURITY;`
}

function placeOf(history: HistorySubject, { subject, table, missing }: Half): Place {
  if (subject) return placeOfStatement(subject.within ?? subject)
  const maker = lastObserved(history, ({ created, altered }) =>
    missing === 'row security'
      ? created.some(({ objectType, name }) => objectType === 'policy' && name.endsWith(` on ${printedName(table)}`))
      : altered.some(({ name }) => textNameOf(name) === table),
  )
  return maker ? placeOfStatement(maker) : { kind: 'object', objectType: 'table', name: printedName(table) }
}

function remedy(history: HistorySubject, { subject, table, missing }: Half): { next: string; fixes: Fix[] } {
  if (missing === 'policy') return { next: nextForPolicy, fixes: [] }
  const title = `Enable row security on ${table}`
  if (subject && !subject.migration.released && subject.within === undefined) {
    const { statement, migration } = subject
    const end = afterSemicolon(migration.text, statement.end)
    const text = `${end === statement.end ? ';' : ''}\n${enable(table)}`
    return {
      next: `Add to the same file: ${enable(table)}`,
      fixes: [{ title, safety: 'review', edits: [{ file: migration.file, start: end, end, text }], newFiles: [] }],
    }
  }
  const newFiles = history.newMigration({
    name: fileWords(`enable_row_security_on_${table}`),
    up: enable(table),
    down: enable(table).replace(' ENABLE ', ' DISABLE '),
    outsideTransaction: false,
  })
  return {
    next: `Add a migration, once every role that uses the table has its policy:\n${showFiles(newFiles)}`,
    fixes: [{ title: `${title} in a new migration`, safety: 'review', edits: [], newFiles }],
  }
}
