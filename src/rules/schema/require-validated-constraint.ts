import type { CatalogConstraint } from '../../findings/catalog.ts'
import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName, textNameOf, unquoted } from '../../sql/identifier.ts'
import type { Site } from '../../sql/schema-text.ts'
import { showFiles } from '../next-step.ts'
import { addAgain, validation } from '../not-valid-recipe.ts'
import { printedName } from '../object-name.ts'
import { lastObserved, schemaEvidence } from '../observed.ts'
import { placeOfSite, placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { defineRule } from '../rule.ts'
import { statementOfSite } from '../site-statement.ts'
import type { HistorySubject } from '../subject.ts'
import { hiddenMention } from './hidden-statement.ts'
import { partsOfTables } from './parts-of-table.ts'
import type { SchemaState } from './schema-state.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'require-validated-constraint',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A constraint that is left NOT VALID',
  why:
    'NOT VALID holds new rows to the constraint and leaves the old ones unchecked. Until it is validated nobody knows ' +
    'whether they meet it: a row that fails a CHECK fails with its next UPDATE, of any column; a row whose foreign key ' +
    'references nothing stays so. PostgreSQL does not plan with it, and SET NOT NULL does not take it for proof.',
  instead:
    'VALIDATE CONSTRAINT in a later migration: it reads the table while reads and writes go on. While the file that adds ' +
    'it is not released, the validation may still be to come, and this is a note. Where old rows are meant to stay as ' +
    'they are, say so in an ignore comment.',
  examples: [
    {
      title: 'A check that nothing validates',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);\n',
      bad: 'ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID;',
      at: 'CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID',
      good: [
        {
          file: '0001_check_total.sql',
          text: 'ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID;',
        },
        { file: '0002_validate_total.sql', text: 'ALTER TABLE orders VALIDATE CONSTRAINT orders_total_check;' },
      ],
    },
    {
      title: 'A foreign key; one of a new table needs no validation',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);\nCREATE INDEX ON orders (customer_id);',
      bad: 'ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;',
      at: 'FOREIGN KEY (customer_id) REFERENCES customers NOT VALID',
      good: 'CREATE TABLE refunds (id bigint PRIMARY KEY REFERENCES orders, total numeric, CHECK (total > 0) NOT VALID);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT'],
  options: {},
  changes: { objects: ['constraint orders_total_check on public.orders', 'constraint orders_customer_id_fkey on public.orders'] },
  claims: [
    {
      says: 'A row that was there before fails with its next UPDATE, of another column too.',
      setup: 'CREATE TABLE t (a int, b int); INSERT INTO t VALUES (-1, 0); ALTER TABLE t ADD CHECK (a > 0) NOT VALID;',
      statement: 'UPDATE t SET b = 1',
      fails: '23514',
    },
    {
      says: 'One that a foreign key does not hold for stays as it is, whatever else of it is changed.',
      setup:
        'CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 0); ' +
        'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID;',
      statement: 'UPDATE t SET b = 1',
      then: { query: 'SELECT a::text, b::text FROM t', rows: [['1', '1']] },
    },
    {
      says: 'VALIDATE CONSTRAINT reads the table while reads and writes go on.',
      setup: 'CREATE TABLE t (a int); INSERT INTO t VALUES (1); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;',
      statement: 'ALTER TABLE t VALIDATE CONSTRAINT c',
      locks: { 'public.t': 'SHARE UPDATE EXCLUSIVE' },
      scans: ['public.t'],
    },
    {
      says: 'A constraint of CREATE TABLE is valid, NOT VALID or not.',
      setup: '',
      statement: 'CREATE TABLE t (a int, CONSTRAINT c CHECK (a > 0) NOT VALID)',
      then: { query: "SELECT convalidated::text FROM pg_constraint WHERE conname = 'c'", rows: [['true']] },
    },
  ],
  *check(history, { major }) {
    for (const constraint of notValid(history)) {
      const { table, name, site, seen } = constraint
      if (seen === undefined && hiddenMention(history.schema, table)) {
        yield { kind: 'unknown', needs: 'a trace of the statements that the text does not explain' }
        continue
      }
      const traced = seen && schemaEvidence(major, { [`${name} on ${table}`]: seen.definition })
      const evidence: [Evidence, ...Evidence[]] = site
        ? [{ kind: 'source', text: site.fileText.slice(site.span.start, site.span.end) }]
        : [traced ?? { kind: 'source', text: name }]
      if (site && traced) evidence.push(traced)
      yield {
        ...remarkOf(constraint),
        ...(site && !site.released && { severity: 'note' as const }),
        at: placeOf(history, constraint),
        evidence,
        ...remedy(history, constraint),
      }
    }
  },
  *live(database) {
    for (const constraint of notValid(stateOf(database))) {
      const { table, name, seen } = constraint
      if (seen === undefined) continue
      yield {
        ...remarkOf(constraint),
        at: { kind: 'object', objectType: 'constraint', name: `${seen.name} on ${seen.table}` },
        evidence: [{ kind: 'catalog', facts: { definition: seen.definition } }],
        next: `In a migration:\n  ${validateText(table, name)}`,
      }
    }
  },
})

interface NotValid {
  /** Names of a `SchemaText`. */
  table: string
  name: string
  kind: 'foreign key' | 'check'
  site?: Site
  seen?: CatalogConstraint
}

function* notValid(state: SchemaState): Generator<NotValid> {
  const { schema, catalog, complete } = state
  const declared = new Map<string, NotValid>()
  const written = [
    ...schema.foreignKeys.map((each) => ({ ...each, kind: 'foreign key' as const })),
    ...schema.tables.flatMap(({ checks }) => checks.map((each) => ({ ...each, kind: 'check' as const }))),
  ]
  for (const { table, name, kind, validated, site } of written) {
    if (validated || isNewWith(state, site) || /\bNOT\s+ENFORCED\b/i.test(textOf(site))) continue
    declared.set(`${table}\0${name}`, { table, name, kind, site })
  }
  const names = new Set(catalog?.constraints.map((each) => `${textNameOf(each.table)}\0${unquoted(each.name)}`))
  const parts = partsOfTables(state)
  for (const seen of catalog?.constraints ?? []) {
    if (seen.validated || /\bNOT ENFORCED\b/.test(seen.definition)) continue
    const table = textNameOf(seen.table)
    const name = unquoted(seen.name)
    const parent = parts.get(table)?.partitionOf
    // A partition's goes with its parent's.
    if (parent !== undefined && names.has(`${parent}\0${name}`)) continue
    const kind = seen.type === 'f' ? 'foreign key' : 'check'
    yield { ...(declared.get(`${table}\0${name}`) ?? { table, name, kind }), seen }
  }
  if (catalog !== undefined && complete) return
  for (const [key, constraint] of declared) if (!names.has(key)) yield constraint
}

function textOf({ fileText, span }: Site): string {
  return fileText.slice(span.start, span.end)
}

/** Whether it stands in CREATE TABLE, where there are no rows to check. */
function isNewWith({ migrations }: SchemaState, site: Site): boolean {
  const outer = statementOfSite(migrations, site)
  const own = site.inCode
    ? outer?.inner.find(({ statement }) => statement.start <= site.span.start && statement.end >= site.span.end)
    : outer
  return own?.statement.tag === 'CreateStmt'
}

function remarkOf({ table, name, kind }: NotValid) {
  const risk =
    kind === 'foreign key' ? 'may reference nothing' : 'fail with their next UPDATE where they do not meet it'
  return {
    kind: 'finding' as const,
    message: `${quoteIdentifier(name)} on ${table} is left NOT VALID: rows from before it are unchecked and ${risk}`,
    identity: `${name} on ${table}`,
    object: `${quoteIdentifier(name)} on ${printedName(table)}`,
  }
}

function placeOf(history: HistorySubject, { site, seen, table, name }: NotValid): Place {
  if (site) return placeOfSite(site)
  const maker = lastObserved(history, ({ constraints }) =>
    constraints.some((made) => made.name === seen?.name && made.relation === seen.table),
  )
  return maker ? placeOfStatement(maker) : { kind: 'object', objectType: 'constraint', name: `${name} on ${table}` }
}

function remedy(history: HistorySubject, { table, name, site }: NotValid): { next: string; fixes: Fix[] } {
  if (site === undefined) return { next: `Add a migration: ${validateText(table, name)}`, fixes: [] }
  const newFiles = history.newMigration(validation(quoteTextName(table), [{ name, add: addAgain({ name, site }) }]))
  return {
    next: `Once it is applied everywhere, validate it in a migration of its own:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Validate ${name} in a new migration`, safety: 'review', edits: [], newFiles }],
  }
}

function validateText(table: string, name: string): string {
  return `ALTER TABLE ${quoteTextName(table)} VALIDATE CONSTRAINT ${quoteIdentifier(name)};`
}
