import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeStatements } from './code-statements.ts'
import type { CodeStatements } from './code-statements.ts'
import { loadParser } from './parse.ts'

const parser = await loadParser()

/** Reads the code of the last statement of a file. */
function read(file: string): CodeStatements & { texts: string[]; places: string[] } {
  const parsed = parser.parse(file)
  if (parsed.kind === 'syntax-error') throw new Error(parsed.message)
  const outer = parsed.statements.at(-1)
  const found = outer && codeStatements(parser, outer)
  if (found === undefined) throw new Error('no code')
  return {
    ...found,
    texts: found.sent.map(({ statement }) => statement.text),
    places: found.sent.map(({ statement }) => file.slice(statement.start, statement.end)),
  }
}

const plpgsql = (body: string, declare = '') => `DO $$ ${declare} BEGIN ${body} END $$;`

describe('the statements of a DO block', () => {
  test('are found in every kind of PL/pgSQL statement, in their order', () => {
    const { texts, dynamic } = read(
      plpgsql(
        `
        DROP TABLE a;
        IF x THEN DROP TABLE b; ELSIF y THEN DROP TABLE c; ELSE DROP TABLE d; END IF;
        CASE WHEN x THEN DROP TABLE e; ELSE DROP TABLE f; END CASE;
        LOOP DROP TABLE g; EXIT; END LOOP;
        WHILE x LOOP DROP TABLE h; END LOOP;
        FOR i IN 1..3 LOOP DROP TABLE i; END LOOP;
        FOR r IN SELECT 1 FROM q LOOP DROP TABLE j; END LOOP;
        FOR r IN EXECUTE 'SELECT 2 FROM q' LOOP DROP TABLE k; END LOOP;
        FOR r IN cur LOOP DROP TABLE l; END LOOP;
        FOREACH x IN ARRAY xs LOOP DROP TABLE m; END LOOP;
        BEGIN DROP TABLE n; EXCEPTION WHEN undefined_table THEN DROP TABLE o; WHEN others THEN DROP TABLE p; END;
        PERFORM f(1);
        CALL g();
        EXECUTE 'DROP TABLE q';
        COMMIT;
        DROP TABLE r;`,
        'DECLARE x int; xs int[]; r record; cur CURSOR FOR SELECT 3 FROM q;',
      ),
    )
    expect(dynamic).toEqual([])
    const tables = texts.filter((text) => text.startsWith('DROP')).map((text) => text.replace('DROP TABLE ', ''))
    expect(tables).toEqual([...'abcdefghijklmnop', 'q', 'r'])
    expect(texts.filter((text) => !text.startsWith('DROP'))).toEqual([
      'SELECT 1 FROM q',
      'SELECT 2 FROM q',
      'SELECT f(1)',
      'CALL g()',
    ])
  })

  test('are conditional in branches, loops, blocks with a handler and behind RETURN', () => {
    const { sent } = read(
      plpgsql(`
        DROP TABLE a;
        IF true THEN DROP TABLE b; END IF;
        BEGIN DROP TABLE c; END;
        BEGIN DROP TABLE d; EXCEPTION WHEN others THEN DROP TABLE e; END;
        LOOP DROP TABLE f; EXIT; END LOOP;
        DROP TABLE g;
        IF true THEN RETURN; END IF;
        DROP TABLE h;`),
    )
    expect(sent.map(({ conditional, statement }) => [statement.text.at(-1), conditional])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
      ['d', true],
      ['e', true],
      ['f', true],
      ['g', false],
      ['h', true],
    ])
  })

  test('have the number of the statement around them', () => {
    expect(read(`SELECT 1; SELECT 2; ${plpgsql('DROP TABLE a; DROP TABLE b;')}`).sent).toMatchObject([
      { statement: { index: 2 } },
      { statement: { index: 2 } },
    ])
  })
})

describe('where they stand', () => {
  test.each([
    ['dollar quotes', 'DO $$ BEGIN ALTER TABLE t\n  ADD x int; END $$;'],
    [
      'tagged dollar quotes',
      "DO $fn$ BEGIN PERFORM $$ADD$$, ';'; ALTER TABLE t\n  ADD x int; END $fn$ LANGUAGE plpgsql",
    ],
    ['single quotes', "DO 'BEGIN ALTER TABLE t\n  ADD x int; END'"],
    ['letters beyond ASCII', "-- é𝒳\nDO $é$ BEGIN RAISE NOTICE 'ü𝒳'; ALTER TABLE t\n  ADD x int; END $é$;"],
    [
      'a comment with the same text',
      'DO $$ BEGIN /* ALTER TABLE t\n  ADD x int; */ ALTER TABLE t\n  ADD x int; END $$',
    ],
    [
      'a string with the same text',
      "DO $$ BEGIN RAISE NOTICE 'ALTER TABLE t\n  ADD x int'; ALTER TABLE t\n  ADD x int; END $$",
    ],
    ['EXECUTE of a literal', "DO $$ BEGIN EXECUTE 'ALTER TABLE t\n  ADD x int'; END $$"],
    ['EXECUTE of a dollar-quoted literal', 'DO $$ BEGIN EXECUTE $q$ ALTER TABLE t\n  ADD x int; $q$; END $$'],
    [
      'a CREATE FUNCTION',
      'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE t\n  ADD x int; END $$',
    ],
    ['a function in SQL', 'CREATE FUNCTION f() RETURNS void AS $$ ALTER TABLE t\n  ADD x int; $$ LANGUAGE sql'],
    ['Windows line ends', 'DO $$\r\nBEGIN\r\n  NULL;\r\n  ALTER TABLE t\n  ADD x int;\r\nEND\r\n$$;'],
  ])('is the text itself in %s', (_, file) => {
    const { sent, places } = read(file)
    const at = file.lastIndexOf('ALTER TABLE')
    expect(sent.filter(({ statement }) => statement.tag === 'AlterTableStmt')).toMatchObject([
      { written: true, statement: { start: at, end: at + 'ALTER TABLE t\n  ADD x int'.length } },
    ])
    expect(places).toContain('ALTER TABLE t\n  ADD x int')
  })

  test('is that of each of several with the same text', () => {
    const file = plpgsql('DROP TABLE a; DROP TABLE a;\nIF true THEN DROP TABLE a; END IF;')
    const { sent } = read(file)
    const starts = [...file.matchAll(/DROP/g)].map(({ index }) => index)
    expect(sent.map(({ statement }) => statement.start)).toEqual(starts)
  })

  test('is found behind and before the variables of a block within', () => {
    const file = plpgsql('DROP TABLE a; DECLARE x int := f(1); BEGIN DROP TABLE b; END;')
    expect(read(file).places).toEqual(['f(1)', 'DROP TABLE a', 'DROP TABLE b'])
  })

  test('is found on a very long line', () => {
    const file = plpgsql(Array.from({ length: 3000 }, (_, i) => `DROP TABLE t${i};`).join(' '))
    expect(read(file).places.at(-1)).toBe('DROP TABLE t2999')
  })

  test('is exact in the parse tree’s offsets too', () => {
    const file = plpgsql('RAISE NOTICE \'é\'; ALTER TABLE "tä" ADD x int;')
    const [{ statement }] = read(file).sent as [CodeStatements['sent'][number]]
    const relation = 'AlterTableStmt' in statement.node ? statement.node.AlterTableStmt.relation : undefined
    expect(file.slice(statement.offsetOf(relation?.location ?? 0))).toMatch(/^"tä" ADD/)
  })

  test('is that of a statement with INTO, which PL/pgSQL cuts out', () => {
    const file = plpgsql('INSERT INTO t VALUES (1)  RETURNING a INTO STRICT x  ;', 'DECLARE x int;')
    expect(read(file).places).toEqual(['INSERT INTO t VALUES (1)  RETURNING a'])
    const within = plpgsql('WITH q AS (SELECT 1) SELECT 1 INTO x FROM q;', 'DECLARE x int;')
    expect(read(within).places).toEqual(['WITH q AS (SELECT 1) SELECT 1 INTO x FROM q'])
  })

  test('is that of EXECUTE where the text is put together, of PERFORM for its SELECT', () => {
    const file = plpgsql("EXECUTE 'DROP TABLE ' || quote_ident('a');\nPERFORM\n  f(1);")
    const { sent, places } = read(file)
    expect(places).toEqual(["EXECUTE 'DROP TABLE ' || quote_ident('a')", 'PERFORM\n  f(1)'])
    expect(sent.map(({ written }) => written)).toEqual([false, false])
  })

  test.each([
    ['doubled quotes', "DO 'BEGIN EXECUTE ''DROP TABLE a''; DROP TABLE b; END'"],
    ['escapes', "DO E'BEGIN\\n DROP TABLE a; DROP TABLE b; END'"],
  ])('is that of the whole statement with %s', (_, file) => {
    const { sent, texts, places } = read(file)
    expect(texts).toEqual(['DROP TABLE a', 'DROP TABLE b'])
    expect(places).toEqual([file, file])
    expect(sent.every(({ written }) => !written)).toBe(true)
  })

  test('counts on from its place for the parse tree’s offsets where the text is not written', () => {
    const file = plpgsql("EXECUTE format('ALTER TABLE %I ADD x int', 'tä');")
    const [{ statement }] = read(file).sent as [CodeStatements['sent'][number]]
    const relation = 'AlterTableStmt' in statement.node ? statement.node.AlterTableStmt.relation : undefined
    const at = statement.offsetOf(relation?.location ?? 0) - statement.start
    expect(statement.text.slice(at)).toMatch(/^"tä" ADD/)
  })
})

describe('EXECUTE', () => {
  const constant = {
    "'DROP TABLE a'": 'DROP TABLE a',
    "'DROP ' || 'TABLE ' || 'a'": 'DROP TABLE a',
    "E'DROP\\tTABLE a'": 'DROP\tTABLE a',
    '$q$DROP TABLE a$q$': 'DROP TABLE a',
    "('DROP TABLE a')::text": 'DROP TABLE a',
    "format('DROP TABLE %I', 'Order')": 'DROP TABLE "Order"',
    "format('DROP TABLE %2$I.%1$I', 'a', 's')": 'DROP TABLE s.a',
    "format('COMMENT ON TABLE a IS %L', 'it''s 100%')": "COMMENT ON TABLE a IS 'it''s 100%'",
    "format('COMMENT ON TABLE %s IS ''100%%''', 'a')": "COMMENT ON TABLE a IS '100%'",
    "format('DROP TABLE %s', quote_ident('select'))": 'DROP TABLE "select"',
    "concat('DROP TABLE ', 'a')": 'DROP TABLE a',
    "'COMMENT ON TABLE a IS ' || quote_literal('b\\c')": "COMMENT ON TABLE a IS E'b\\\\c'",
  }
  test.each(Object.entries(constant))('of %s is read', (expression, text) => {
    const { texts, dynamic } = read(plpgsql(`EXECUTE ${expression};`))
    expect(texts).toEqual([text])
    expect(dynamic).toEqual([])
  })

  test('of several statements at once is read', () => {
    expect(read(plpgsql("EXECUTE 'DROP TABLE a; DROP TABLE b;';")).texts).toEqual(['DROP TABLE a', 'DROP TABLE b'])
  })

  const variables = {
    'a constant': "DECLARE q CONSTANT text := 'DROP TABLE a'; BEGIN EXECUTE q; END",
    'a default that is never changed': "DECLARE q text DEFAULT 'DROP TABLE a'; BEGIN EXECUTE q; END",
    'a variable that is set once': "DECLARE q text; BEGIN IF x() THEN q := 'DROP TABLE a'; END IF; EXECUTE q; END",
    'constants of constants': "DECLARE t text := 'a'; q text := 'DROP TABLE ' || t; BEGIN EXECUTE q; END",
  }
  test.each(Object.entries(variables))('of %s is read', (_, body) => {
    const { texts, dynamic } = read(`DO $$ ${body} $$`)
    expect(texts).toContain('DROP TABLE a')
    expect(dynamic).toEqual([])
  })

  const dynamic = {
    'a row of a loop':
      "DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP EXECUTE format('DROP TABLE %I', r.name); END LOOP; END",
    'a variable that is set twice': "DECLARE q text := 'DROP TABLE a'; BEGIN q := 'DROP TABLE b'; EXECUTE q; END",
    'a variable that grows': "DECLARE q text := 'DROP '; BEGIN q := q || 'TABLE a'; EXECUTE q; END",
    'a variable that SELECT INTO sets':
      "DECLARE q text := 'DROP TABLE a'; BEGIN SELECT t INTO q FROM x; EXECUTE q; END",
    'a variable that EXECUTE INTO sets':
      "DECLARE q text := 'DROP TABLE a'; BEGIN EXECUTE 'SELECT 1' INTO q; EXECUTE q; END",
    'a variable that FETCH sets':
      "DECLARE q text := 'DROP TABLE a'; c CURSOR FOR SELECT 1; BEGIN OPEN c; FETCH c INTO q; EXECUTE q; END",
    'a variable of a loop':
      "DECLARE q text := 'DROP TABLE a'; a text[]; BEGIN FOREACH q IN ARRAY a LOOP EXECUTE q; END LOOP; END",
    'a variable that CALL may set': "DECLARE q text := 'DROP TABLE a'; BEGIN CALL p(q); EXECUTE q; END",
    'a variable that GET DIAGNOSTICS sets':
      "DECLARE q text := 'DROP TABLE a'; BEGIN GET DIAGNOSTICS q = PG_CONTEXT; EXECUTE q; END",
    'one of two variables':
      "DECLARE q text := 'DROP TABLE a'; BEGIN DECLARE q text := 'DROP TABLE b'; BEGIN EXECUTE q; END; END",
    'a format with a width': "BEGIN EXECUTE format('DROP TABLE %5s', 'a'); END",
    'a format with too few arguments': "BEGIN EXECUTE format('DROP TABLE %s', VARIADIC ARRAY['a']); END",
    NULL: 'BEGIN EXECUTE NULL; END',
    'a setting': "BEGIN EXECUTE current_setting('my.sql'); END",
    'what is no SQL': "BEGIN EXECUTE 'DORP TABLE a'; END",
    'a query': "BEGIN EXECUTE (SELECT string_agg(s, ';') FROM x); END",
  }
  test.each(Object.entries(dynamic))('of %s is dynamic', (_, body) => {
    const found = read(`DO $$ ${body} $$`)
    expect(found.dynamic).toHaveLength(1)
    expect(found.dynamic[0]).toMatch(/^EXECUTE of /)
    expect(found.texts.filter((text) => text.startsWith('DROP'))).toEqual([])
  })

  test('is shown in a few words', () => {
    const found = read(plpgsql(`EXECUTE 'ALTER TABLE ' ||\n quote_ident(r) || ' ADD COLUMN ${'x'.repeat(99)} int';`))
    expect(found.dynamic[0]).toMatch(/^EXECUTE of 'ALTER TABLE ' \|\| quote_ident\(r\) \|\| ' ADD COLUMN x+…$/)
    expect(found.dynamic[0]?.length).toBeLessThan(75)
  })
})

describe('other code', () => {
  test('in a language that kei does not read is dynamic', () => {
    expect(read("DO LANGUAGE plpython3u $$ plpy.execute('DROP TABLE a') $$")).toMatchObject({
      sent: [],
      dynamic: ['code in plpython3u'],
    })
  })

  test('that does not parse is dynamic', () => {
    for (const body of ['BEGIN DORP TABLE a; END', 'BEGIN IF x THEN END', 'nothing', '', 'BEGIN', "BEGIN 'x"]) {
      expect(read(`DO $$${body}$$`), body).toMatchObject({ sent: [], dynamic: ['code that does not parse'] })
    }
  })

  test('of a function with rows of a table is read', () => {
    const rows =
      'CREATE FUNCTION f(a int, OUT b int) LANGUAGE plpgsql AS $$ DECLARE r public.t%ROWTYPE; x t.a%TYPE; ' +
      'BEGIN r.a := 1; b := 2; SELECT * INTO r FROM t; DROP TABLE a; END $$'
    const found = read(rows)
    expect(found.places).toContain('DROP TABLE a')
    expect(found.dynamic).toEqual([])
  })

  test('between BEGIN ATOMIC and END is read', () => {
    const { places } = read(
      'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (CASE WHEN true THEN 1 END); ' +
        'DELETE FROM t; SELECT 1; END',
    )
    expect(places).toEqual(['INSERT INTO t VALUES (CASE WHEN true THEN 1 END)', 'DELETE FROM t', 'SELECT 1'])
  })

  test('of a prepared statement is what stands behind AS', () => {
    const { places } = read('PREPARE p (int, text) AS UPDATE t AS u SET a = $1')
    expect(places).toEqual(['UPDATE t AS u SET a = $1'])
  })

  test('is in no other statement, nor in a function in C', () => {
    for (const text of [
      'SELECT 1',
      "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'a', 'b'",
      'CREATE FUNCTION f() RETURNS int RETURN 1',
    ]) {
      const parsed = parser.parse(text)
      const [statement] = parsed.kind === 'parsed' ? parsed.statements : []
      expect(statement && codeStatements(parser, statement)).toBeUndefined()
    }
  })

  test('takes constants from a call', () => {
    const parsed = parser.parse(
      "CREATE FUNCTION f(t text, int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('DROP TABLE %I_%s', t, $2); END $$",
    )
    const [create] = parsed.kind === 'parsed' ? parsed.statements : []
    const given = new Map([
      ['t', 'orders'],
      ['$1', 'orders'],
      ['$2', '7'],
    ])
    const found = create && codeStatements(parser, create, { given })
    expect(found?.sent.map(({ statement }) => statement.text)).toEqual(['DROP TABLE orders_7'])
  })
})

test('a megabyte of code is read in seconds', () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `  ALTER TABLE t ADD COLUMN c${i} int;\n`)
  const file = `DO $$ BEGIN\n${lines.join('')}END $$;`
  const started = performance.now()
  const { sent } = read(file)
  expect(sent).toHaveLength(30_000)
  const { statement } = sent[29_999] ?? {}
  expect(file.slice(statement?.start, statement?.end)).toBe('ALTER TABLE t ADD COLUMN c29999 int')
  expect(performance.now() - started).toBeLessThan(30_000)
})

test('deep nesting never throws', () => {
  const nested = (before: string, after: string, depth: number) =>
    `${before.repeat(depth)} DROP TABLE a; ${after.repeat(depth)}`
  for (const depth of [10, 500, 5000]) {
    for (const body of [nested('IF x THEN ', 'END IF; ', depth), nested('BEGIN ', 'END; ', depth)]) {
      expect(() => read(plpgsql(body))).not.toThrow()
    }
  }
  expect(() => read(plpgsql(`EXECUTE ${"'a' || ".repeat(2000)}'b';`))).not.toThrow()
  expect(() => read(plpgsql(`EXECUTE 'a'${'::text'.repeat(2000)};`))).not.toThrow()
})

const fragments = fc.constantFrom(
  ...'BEGIN|END|IF|THEN|ELSE|ELSIF|LOOP|FOR|WHILE|CASE|WHEN|DECLARE|EXCEPTION|EXECUTE|PERFORM|CALL|RETURN|QUERY|RAISE'.split(
    '|',
  ),
  ...'NOTICE|INTO|USING|IN|SELECT 1|DROP TABLE a|x|r.y|:=|=|;|;|;|||(|)|,|int|record|text|<<l>>|..|1|CURSOR|OPEN|FETCH'.split(
    '|',
  ),
  ...[
    "'a'",
    "'",
    '"',
    '$q$',
    '--',
    '/*',
    '*/',
    '\n',
    'é',
    '𝒳',
    '%',
    '%ROWTYPE',
    '#option dump',
    'format(',
    '\\',
    '\u0001',
  ],
)

test('no code makes it throw, and what is written stands where it says', () => {
  const body = fc.oneof(
    fc.array(fragments, { maxLength: 30 }).map((parts) => parts.join(' ')),
    fc.array(fragments, { maxLength: 12 }).map((parts) => `BEGIN ${parts.join(' ')}; END`),
    fc.string({ unit: 'binary', maxLength: 40 }),
  )
  fc.assert(
    fc.property(body, (code) => {
      const file = `SELECT 'ü'; DO $code$${code}$code$`
      const parsed = parser.parse(file)
      if (parsed.kind === 'syntax-error') return
      for (const outer of parsed.statements) {
        for (const { statement, written } of codeStatements(parser, outer)?.sent ?? []) {
          const text = file.slice(statement.start, statement.end)
          // INTO is cut out.
          if (written) expect(text.replace(/\s+INTO\s+\S+/i, '').length).toBeLessThanOrEqual(statement.text.length)
          expect(statement.start).toBeGreaterThanOrEqual(outer.start)
          expect(statement.end).toBeLessThanOrEqual(outer.end)
        }
      }
    }),
    { numRuns: 1500 },
  )
})
