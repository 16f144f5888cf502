import type { RoundTrip, SchemaDifference } from '../../findings/round-trip.ts'
import { schemaEvidence } from '../observed.ts'
import { defineRule } from '../rule.ts'
import type { Place, Verdict } from '../rule.ts'
import type { DownSubject, MigrationSubject } from '../subject.ts'

/** Objects that a message names before the rest is a count. */
const mostNamed = 10

/** raise_exception: the section says itself that it will not run. */
const raised = 'P0001'

export default defineRule({
  id: 'no-broken-down',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'migration',
  about: 'change',
  needs: ['trace'],
  summary: 'A down section that fails, or that does not take back what up does',
  why:
    'A down section is seldom run before the night on which it is needed. When it fails, the release cannot be taken ' +
    'back; when it leaves something behind, the corrected migration fails on it; and an index or a constraint that ' +
    'it forgets is missing from then on, although the history says that nothing happened. kei runs every migration ' +
    'that can still be changed up, down and up again on the shadow server and compares the schemas. What fails is an ' +
    'error, what differs a warning.\n\n' +
    'Compared are relations with their columns, indexes, constraints, and all else that has a definition: views, ' +
    'functions, triggers, types, policies, sequences. Not compared are rows, owners, grants, comments and the order ' +
    'of columns, so a migration that only changes data gives no warning. A down section that refuses by RAISE ' +
    'EXCEPTION is taken at its word. Of many migrations that are not released the last 50 are run.',
  instead:
    'Take back in reverse order everything that up does, and bring back whole what it drops: a column with its ' +
    'indexes and constraints. Where there is no way back say so: in kei’s own layout with -- kei: irreversible REASON ' +
    'at the top of the file and no down file, elsewhere with a down section that raises an exception.',
  examples: [
    {
      title: 'A type is left behind, and up fails on it',
      setup: 'CREATE TABLE customers (id bigint PRIMARY KEY);',
      bad: [
        {
          file: '0001_add_mood.sql',
          text: "CREATE TYPE mood AS ENUM ('good', 'bad');\nALTER TABLE customers ADD COLUMN mood mood;",
        },
        { file: '0001_add_mood.down.sql', text: 'ALTER TABLE customers DROP COLUMN mood;' },
      ],
      at: 'ALTER TABLE customers DROP COLUMN mood',
      good: [
        {
          file: '0001_add_mood.sql',
          text: "CREATE TYPE mood AS ENUM ('good', 'bad');\nALTER TABLE customers ADD COLUMN mood mood;",
        },
        { file: '0001_add_mood.down.sql', text: 'ALTER TABLE customers DROP COLUMN mood;\nDROP TYPE mood;' },
      ],
    },
    {
      title: 'A column comes back without its index',
      setup:
        "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL DEFAULT '');\n" +
        'CREATE INDEX orders_note_idx ON orders (note);',
      bad: [
        { file: '0001_drop_note.sql', text: 'ALTER TABLE orders DROP COLUMN note;' },
        {
          file: '0001_drop_note.down.sql',
          text: "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';",
        },
      ],
      at: "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT ''",
      good: [
        { file: '0001_drop_note.sql', text: 'ALTER TABLE orders DROP COLUMN note;' },
        {
          file: '0001_drop_note.down.sql',
          text:
            "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';\n" +
            'CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);',
        },
      ],
    },
    {
      title: 'The wrong order',
      bad: [
        {
          file: '0001_create_invoices.sql',
          text:
            'CREATE TABLE invoices (id bigint PRIMARY KEY, paid_on date);\n' +
            'CREATE VIEW open_invoices AS SELECT id FROM invoices WHERE paid_on IS NULL;',
        },
        { file: '0001_create_invoices.down.sql', text: 'DROP TABLE invoices;\nDROP VIEW open_invoices;' },
      ],
      at: 'DROP TABLE invoices',
      good: [
        {
          file: '0001_create_invoices.sql',
          text:
            'CREATE TABLE invoices (id bigint PRIMARY KEY, paid_on date);\n' +
            'CREATE VIEW open_invoices AS SELECT id FROM invoices WHERE paid_on IS NULL;',
        },
        { file: '0001_create_invoices.down.sql', text: 'DROP VIEW open_invoices;\nDROP TABLE invoices;' },
      ],
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ddl-depend.html',
    'https://www.postgresql.org/docs/17/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN',
  ],
  options: {},
  claims: [
    {
      says: 'What down leaves behind makes the next up fail.',
      setup: "CREATE TYPE mood AS ENUM ('good');",
      statement: "CREATE TYPE mood AS ENUM ('good')",
      fails: '42710',
    },
    {
      says: 'A table on which a view depends cannot be dropped before the view.',
      setup: 'CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t;',
      statement: 'DROP TABLE t',
      fails: '2BP01',
    },
    {
      says: 'DROP COLUMN takes the column’s indexes along, and adding the column again does not bring them back.',
      setup: 'CREATE TABLE t (a int, b int); CREATE INDEX ON t (a);',
      statement: 'ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a int',
      then: { query: "SELECT count(*)::text FROM pg_index WHERE indrelid = 't'::regclass", rows: [['0']] },
    },
    {
      says: 'A column that is added again comes last, which is why the order of columns does not count.',
      setup: 'CREATE TABLE t (a int, b int);',
      statement: 'ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a int',
      then: {
        query:
          "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass " +
          'AND attnum > 0 AND NOT attisdropped',
        rows: [['b a']],
      },
    },
  ],
  *check(migration, { major }) {
    const { down } = migration
    if (down === undefined) return
    const { roundTrip = { status: 'unknown', needs: 'a trace' } } = down
    switch (roundTrip.status) {
      case 'unknown':
        yield { kind: 'unknown', needs: roundTrip.needs, file: down.file }
        return
      case 'failed':
        if (roundTrip.section === 'up' || roundTrip.sqlstate !== raised) yield failed(migration, down, roundTrip, major)
        return
      case 'completed':
        if (roundTrip.afterDown.length + roundTrip.afterUp.length > 0) yield differs(migration, down, roundTrip, major)
    }
  },
})

function failed(
  migration: MigrationSubject,
  down: DownSubject,
  { section, statement, cause, sqlstate, afterDown }: RoundTrip & { status: 'failed' },
  major: number,
): Verdict {
  const why = cause.replace(/\s+/g, ' ').replace(/[.\s]+$/, '') + (sqlstate === undefined ? '' : ` (${sqlstate})`)
  if (section === 'down') {
    return {
      kind: 'finding',
      message: `The down section fails: ${why}`,
      at: placeIn(down, statement),
      evidence: [schemaEvidence(major, { 'up, down': why })],
      next: `Correct it. ${noWayBack(migration, down)}`,
    }
  }
  const left = afterDown.length === 0 ? '' : `; ${namesOf(afterDown, leftByDown)}`
  const again = migration.statements[statement]?.statement
  return {
    kind: 'finding',
    message: `After down, up fails: ${why}${left}`,
    at: placeIn(down, 0),
    evidence: [schemaEvidence(major, { 'up, down, up': why })],
    next: `Let the down section take back what stands in the way. ${noWayBack(migration, down)}`,
    ...(again && {
      related: [{ at: { file: migration.file, text: migration.text, span: again }, message: 'fails the second time' }],
    }),
  }
}

function differs(
  migration: MigrationSubject,
  down: DownSubject,
  { afterDown, afterUp }: RoundTrip & { status: 'completed' },
  major: number,
): Verdict {
  const parts = [
    ...(afterDown.length > 0 ? [['up, down', namesOf(afterDown, leftByDown)] as const] : []),
    ...(afterUp.length > 0 ? [['up, down, up', namesOf(afterUp, leftByUp)] as const] : []),
  ]
  return {
    kind: 'finding',
    severity: 'warning',
    message:
      afterDown.length > 0
        ? `Down does not take back what up does: ${namesOf(afterDown, leftByDown)}`
        : `Up after down does not do what the first up did: ${namesOf(afterUp, leftByUp)}`,
    at: placeIn(down, 0),
    evidence: [schemaEvidence(major, Object.fromEntries(parts))],
    next: `Complete the down section. ${noWayBack(migration, down)}`,
  }
}

type Words = Record<SchemaDifference['change'], string>
const leftByDown: Words = { added: 'is left behind', removed: 'is missing', changed: 'differs' }
const leftByUp: Words = { added: 'is new', removed: 'is missing', changed: 'differs' }

function namesOf(differences: readonly SchemaDifference[], words: Words): string {
  const names = differences.map(({ objectType, name, change }) => `${objectType} ${name} ${words[change]}`)
  const more = names.length - mostNamed
  return names.slice(0, mostNamed).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function noWayBack({ layout, file }: MigrationSubject, down: DownSubject): string {
  return layout === 'kei'
    ? `Where there is no way back, delete ${down.file} and begin ${file} with the line -- kei: irreversible REASON.`
    : `Where there is no way back, let it say so: DO $$ BEGIN RAISE EXCEPTION 'REASON'; END $$;`
}

/** A statement of the section; where it has none, the line before it, on which another layout says `Down`. */
function placeIn({ file, text, span, statements }: DownSubject, statement: number): Place {
  const found = statements[statement]
  if (found !== undefined) return { file, text, span: { start: found.start, end: found.end } }
  const end = Math.max(0, span.start - 1)
  return { file, text, span: { start: text.lastIndexOf('\n', end - 1) + 1, end } }
}
