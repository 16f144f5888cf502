import type { Evidence } from '../../findings/evidence.ts'
import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName, textNameOf } from '../../sql/identifier.ts'
import { schemaOfTextName, unqualified } from '../../sql/schema-draft.ts'
import { fileWords, showFiles } from '../next-step.ts'
import { lastObserved, schemaEvidence } from '../observed.ts'
import { placeOfStatement } from '../place.ts'
import type { Place } from '../rule.ts'
import { defineRule } from '../rule.ts'
import type { HistorySubject } from '../subject.ts'
import type { ExposedRoutine } from './definer-routines.ts'
import { exposedRoutines } from './definer-routines.ts'
import { stateOf } from './schema-state.ts'

export default defineRule({
  id: 'require-function-search-path',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source', 'trace'],
  summary: 'A SECURITY DEFINER function or procedure without a search_path of its own',
  why:
    'It runs with its owner’s rights and looks names up in the caller’s search_path. A caller makes a table of the same ' +
    'name in pg_temp, which every role may do and which is searched first, and the function reads or writes that one; ' +
    'in a schema that the caller may create in it can be a function or an operator, and the caller’s code then runs as the ' +
    'owner.',
  instead:
    'SET search_path on the function: the schemas that only trusted roles create in, and pg_temp last, since it is ' +
    'searched first where it is not named. A body of the SQL standard’s form (BEGIN ATOMIC, RETURN) is bound when it is ' +
    'made and is not reported. EXECUTE is PUBLIC’s by default: REVOKE it where not every role is to call the function.',
  examples: [
    {
      title: 'A function that counts as its owner',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);',
      bad: "CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER\nAS 'SELECT sum(total) FROM orders';",
      at: 'SECURITY DEFINER',
      good: "CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp\nAS 'SELECT sum(total) FROM orders';",
    },
    {
      title: 'SECURITY DEFINER later',
      setup: "CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE FUNCTION forget(bigint) RETURNS void LANGUAGE sql AS 'DELETE FROM orders WHERE id = $1';",
      bad: 'ALTER FUNCTION forget(bigint) SECURITY DEFINER;',
      at: 'SECURITY DEFINER',
      good: 'ALTER FUNCTION forget(bigint) SECURITY DEFINER;\nALTER FUNCTION forget(bigint) SET search_path = public, pg_temp;',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY'],
  options: {},
  changes: { objects: ['function public.revenue()', 'function public.forget(bigint)'] },
  claims: [
    {
      says: 'A temporary table of the caller takes the place of the one that the function means.',
      setup:
        "CREATE TABLE orders (total int); INSERT INTO orders VALUES (1); CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql " +
        "SECURITY DEFINER AS 'SELECT sum(total) FROM orders'; CREATE TEMP TABLE orders AS SELECT 1000000 AS total;",
      statement: 'SELECT 1',
      then: { query: 'SELECT revenue()::text', rows: [['1000000']] },
    },
    {
      says: 'search_path = public alone does not keep it out.',
      setup:
        "CREATE TABLE orders (total int); INSERT INTO orders VALUES (1); CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql " +
        "SECURITY DEFINER SET search_path = public AS 'SELECT sum(total) FROM orders'; CREATE TEMP TABLE orders AS SELECT 1000000 AS total;",
      statement: 'SELECT 1',
      then: { query: 'SELECT revenue()::text', rows: [['1000000']] },
    },
    {
      says: 'With pg_temp last it does.',
      setup:
        "CREATE TABLE orders (total int); INSERT INTO orders VALUES (1); CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql " +
        "SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT sum(total) FROM orders'; CREATE TEMP TABLE orders AS SELECT 1000000 AS total;",
      statement: 'SELECT 1',
      then: { query: 'SELECT revenue()::text', rows: [['1']] },
    },
    {
      says: 'A body of BEGIN ATOMIC is bound when it is made.',
      setup:
        'CREATE TABLE orders (total int); INSERT INTO orders VALUES (1); CREATE FUNCTION revenue() RETURNS bigint LANGUAGE sql ' +
        'SECURITY DEFINER BEGIN ATOMIC SELECT sum(total) FROM orders; END; CREATE TEMP TABLE orders AS SELECT 1000000 AS total;',
      statement: 'SELECT 1',
      then: { query: 'SELECT revenue()::text', rows: [['1']] },
    },
  ],
  *check(history, { major }) {
    for (const routine of exposedRoutines(history)) {
      const { subject, seen, name, kind, printed } = routine
      if (subject === undefined && seen === undefined) continue
      const traced = seen && schemaEvidence(major, { [`${kind} ${seen.name}`]: 'SECURITY DEFINER, no SET search_path' })
      const evidence: [Evidence, ...Evidence[]] = subject
        ? [{ kind: 'source', text: 'SECURITY DEFINER' }]
        : [traced ?? { kind: 'source', text: name }]
      if (subject && traced) evidence.push(traced)
      yield {
        ...remarkOf(routine),
        at: placeOf(history, routine),
        evidence,
        ...remedy(history, routine),
        ...(printed !== undefined && { object: printed }),
      }
    }
  },
  *live(database) {
    for (const routine of exposedRoutines(stateOf(database))) {
      const { kind, printed = routine.name } = routine
      yield {
        ...remarkOf(routine),
        at: { kind: 'object', objectType: kind, name: printed },
        evidence: [{ kind: 'catalog', facts: { security: 'definer', search_path: 'not set' } }],
        next: `In a migration:\n  ALTER ${kind.toUpperCase()} ${printed} SET search_path = ${pathFor(routine)};`,
        object: printed,
      }
    }
  },
})

function remarkOf({ kind, name }: ExposedRoutine) {
  return {
    kind: 'finding' as const,
    message: `The ${kind} ${name} runs as its owner and finds tables by the search_path of its caller, who can put others in their place`,
    identity: name,
  }
}

/** The schema that it lies in, where what it names is likely to be too. */
function pathFor({ name }: ExposedRoutine): string {
  return `${quoteIdentifier(schemaOfTextName(name))}, pg_temp`
}

function placeOf(history: HistorySubject, { subject, words, seen, kind, name }: ExposedRoutine): Place {
  if (subject) {
    const { migration, statement } = subject
    const isWritten = migration.text.slice(statement.start, statement.end) === statement.text
    if (words && isWritten && subject.definedAt === undefined) {
      return { file: migration.file, text: migration.text, span: words }
    }
    return placeOfStatement(subject.within ?? subject)
  }
  const maker = lastObserved(history, ({ created, altered }) =>
    [...created, ...altered].some((object) => textNameOf(object.name.replace(/\(.*$/s, '')) === name),
  )
  if (maker) return placeOfStatement(maker)
  return { kind: 'object', objectType: kind, name: seen?.name ?? name }
}

function remedy(history: HistorySubject, routine: ExposedRoutine): { next: string; fixes: Fix[] } {
  const { subject, words, kind, name, printed, isAlone, seen } = routine
  const set = `SET search_path = ${pathFor(routine)}`
  const isCreate = subject?.statement.tag === 'CreateFunctionStmt'
  if (subject && words && isCreate && !subject.migration.released && subject.within === undefined) {
    const edit = { file: subject.migration.file, start: words.end, end: words.end, text: ` ${set}` }
    return {
      next: `Write ${set} beside it, with every schema that it needs before pg_temp.`,
      fixes: [{ title: `Set the search_path of ${name}`, safety: 'review', edits: [edit], newFiles: [] }],
    }
  }
  const own = isAlone ? quoteTextName(name) : (seen?.name ?? printed)
  if (own === undefined) return { next: `ALTER ${kind.toUpperCase()} … ${set};`, fixes: [] }
  const newFiles = history.newMigration({
    name: fileWords(`set_search_path_of_${unqualified(name)}`),
    up: `ALTER ${kind.toUpperCase()} ${own} ${set};`,
    down: `ALTER ${kind.toUpperCase()} ${own} RESET search_path;`,
    outsideTransaction: false,
  })
  return {
    next: `Add a migration, with every schema that it needs before pg_temp:\n${showFiles(newFiles)}`,
    fixes: [{ title: `Set the search_path of ${name} in a new migration`, safety: 'review', edits: [], newFiles }],
  }
}
