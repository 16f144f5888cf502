import { observationOf } from '../observed.ts'
import { statementsBefore } from '../domain.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'
import { namesOf, statementOf } from '../../sql/statement.ts'
import { newerFeatures } from './newer-features.ts'
import type { NewerFeature } from './newer-features.ts'

export default defineRule({
  id: 'no-newer-syntax',
  since: '0.1.0',
  severity: 'error',
  category: 'migration',
  subject: 'statement',
  about: 'change',
  needs: ['source'],
  summary: 'Syntax, a function or a setting that the target’s major of PostgreSQL does not have',
  why:
    'A statement with newer syntax is refused as a syntax error that says nothing of versions. Some of it is only ' +
    'what is left out: GENERATED ALWAYS AS (…) without STORED means VIRTUAL on PostgreSQL 18 and is an error before. ' +
    'Developers often have a newer PostgreSQL than production.',
  instead:
    'Write what all majors in use understand, or upgrade first. The major that is judged for is `postgres.major` in ' +
    'kei.jsonc, or --postgres-major.',
  examples: [
    {
      title: 'A virtual generated column',
      majors: [16, 17],
      fails: '42601',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric NOT NULL);',
      bad: 'ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (net * 1.19) VIRTUAL;',
      at: 'ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (net * 1.19) VIRTUAL',
      good: 'CREATE TABLE invoices (net numeric, gross numeric GENERATED ALWAYS AS (net * 1.19) STORED);',
    },
    {
      title: 'Neither VIRTUAL nor STORED',
      majors: [16, 17],
      fails: '42601',
      bad: 'CREATE TABLE invoices (net numeric, gross numeric GENERATED ALWAYS AS (net * 1.19));',
      at: 'CREATE TABLE invoices (net numeric, gross numeric GENERATED ALWAYS AS (net * 1.19))',
      good: 'CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY, net numeric);',
    },
    {
      title: 'A constraint that is not enforced',
      majors: [16, 17],
      fails: '42601',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric);',
      bad: 'ALTER TABLE orders ADD CHECK (net > 0) NOT ENFORCED;',
      at: 'ALTER TABLE orders ADD CHECK (net > 0) NOT ENFORCED',
      good: 'ALTER TABLE orders ADD CHECK (net > 0) NOT VALID;',
    },
    {
      title: 'A not-null constraint that is NOT VALID',
      majors: [16, 17],
      fails: '42601',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric);',
      bad: 'ALTER TABLE orders ADD CONSTRAINT has_net NOT NULL net NOT VALID;',
      at: 'ALTER TABLE orders ADD CONSTRAINT has_net NOT NULL net NOT VALID',
      good: 'ALTER TABLE orders ADD CONSTRAINT has_net CHECK (net IS NOT NULL) NOT VALID;',
    },
    {
      title: 'A function of PostgreSQL 18, unless the history makes its own',
      majors: [16, 17],
      fails: '42883',
      bad: 'CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT uuidv7());',
      at: 'CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT uuidv7())',
      good:
        "CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';\n" +
        'CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT uuidv7());',
    },
    {
      title: 'What PostgreSQL 17 brought',
      majors: [16],
      fails: '42601',
      setup:
        'CREATE TABLE orders (id bigint PRIMARY KEY, net numeric,\n' +
        '  gross numeric GENERATED ALWAYS AS (net * 1.16) STORED);',
      bad: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19);',
      at: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (net * 1.19)',
      good: 'ALTER TABLE orders ALTER COLUMN gross DROP EXPRESSION;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/18/release-18.html',
    'https://www.postgresql.org/docs/17/release-17.html',
    'https://www.postgresql.org/docs/18/ddl-generated-columns.html',
  ],
  options: {},
  claims: [
    {
      says: 'Before 18 VIRTUAL is a syntax error.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD b int GENERATED ALWAYS AS (a) VIRTUAL',
      majors: [16, 17],
      fails: '42601',
    },
    {
      says: 'So is leaving both VIRTUAL and STORED out.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD b int GENERATED ALWAYS AS (a)',
      majors: [16, 17],
      fails: '42601',
    },
    {
      says: 'On 18 that is a virtual column.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD b int GENERATED ALWAYS AS (a)',
      majors: [18],
      rewrites: [],
      then: {
        query: "SELECT attgenerated::text FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b'",
        rows: [['v']],
      },
    },
    {
      says: 'Before 18 NOT ENFORCED is a syntax error.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'ALTER TABLE t ADD CHECK (a > 0) NOT ENFORCED',
      majors: [16, 17],
      fails: '42601',
    },
    {
      says: 'Before 18 there is no function uuidv7().',
      setup: '',
      statement: 'SELECT uuidv7()',
      majors: [16, 17],
      fails: '42883',
    },
    {
      says: 'Before 18 OLD in RETURNING is taken for a table that is not there.',
      setup: 'CREATE TABLE t (a int);',
      statement: 'UPDATE t SET a = 1 RETURNING old.a',
      majors: [16, 17],
      fails: '42P01',
    },
    {
      says: '16 does not have SET EXPRESSION.',
      setup: 'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) STORED);',
      statement: 'ALTER TABLE t ALTER COLUMN b SET EXPRESSION AS (a + 1)',
      majors: [16],
      fails: '42601',
    },
  ],
  *check(subject, { major }) {
    // The server has taken it.
    if (major >= 18 || observationOf(subject)) return
    for (const feature of newerFeatures(subject.statement)) {
      if (feature.since <= major) continue
      const made = isMadeByHistory(feature, subject)
      if (made === 'yes') continue
      if (made === 'unclear') {
        yield { kind: 'unknown', needs: 'a trace', file: subject.migration.file }
        continue
      }
      yield {
        kind: 'finding',
        at: placeOfStatement(subject),
        evidence: [{ kind: 'source', text: subject.statement.text }],
        message: `${feature.what} came with PostgreSQL ${feature.since}; ${major} refuses this`,
        next: `${feature.instead} Or upgrade to PostgreSQL ${feature.since} first.`,
        identity: feature.what,
      }
    }
  },
})

/** Whether the history has a function of its own by that name; what code and extensions make the text does not show. */
function isMadeByHistory(feature: NewerFeature, subject: StatementSubject): 'yes' | 'no' | 'unclear' {
  if (feature.function === undefined) return 'no'
  for (const statement of statementsBefore(subject)) {
    const create = statementOf(statement, 'CreateFunctionStmt')
    if (create && namesOf({ List: { items: create.funcname ?? [] } }).at(-1) === feature.function) return 'yes'
  }
  return subject.migration.history.before(subject).opaque.length > 0 ? 'unclear' : 'no'
}
