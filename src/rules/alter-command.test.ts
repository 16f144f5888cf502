import { describe, expect, test } from 'vitest'
import { loadParser } from '../sql/parse.ts'
import { nodeOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import { alterCommands, alteredTableText, offsetInText, withCommands, withoutCommands } from './alter-command.ts'
import type { AlterCommand } from './alter-command.ts'

const parser = await loadParser()

function parse(sql: string, index = 0): Statement {
  const parsed = parser.parse(sql)
  const statement = parsed.kind === 'parsed' ? parsed.statements[index] : undefined
  if (statement === undefined) throw new Error(`no statement: ${sql}`)
  return statement
}

const texts = (statement: Statement) => alterCommands(statement).map(({ text }) => text)

function second(statement: Statement): AlterCommand {
  const command = alterCommands(statement)[1]
  if (command === undefined) throw new Error('no second command')
  return command
}

describe('the commands of an ALTER TABLE', () => {
  test.each([
    ['ALTER TABLE t ADD a int', ['ADD a int']],
    ['alter table if exists only app."A, b" add a int , drop b', ['add a int', 'drop b']],
    ['ALTER TABLE ONLY (app.t) DROP a', ['DROP a']],
    ['ALTER TABLE t * DROP a, DROP b', ['DROP a', 'DROP b']],
    ['ALTER TABLE if DROP a', ['DROP a']],
    [
      "ALTER TABLE t ADD a numeric(10,2) DEFAULT f(1, 2), ADD b text[] DEFAULT ARRAY['x,', $$,$$]",
      ['ADD a numeric(10,2) DEFAULT f(1, 2)', "ADD b text[] DEFAULT ARRAY['x,', $$,$$]"],
    ],
    [
      'ALTER TABLE t SET (fillfactor = 70, user_catalog_table = on), ADD CHECK (a IN (1, 2)) NOT VALID',
      ['SET (fillfactor = 70, user_catalog_table = on)', 'ADD CHECK (a IN (1, 2)) NOT VALID'],
    ],
    ['ALTER TABLE t ADD a int, -- one, two\n  /* b, c */ DROP b', ['ADD a int', 'DROP b']],
  ])('%s', (sql, expected) => expect(texts(parse(sql))).toEqual(expected))

  test('are those of the parse tree, in order', () => {
    const statement = parse('ALTER TABLE t ADD a int, DROP b, ALTER c SET NOT NULL')
    expect(alterCommands(statement).map(({ node }) => node.subtype)).toEqual([
      'AT_AddColumn',
      'AT_DropColumn',
      'AT_SetNotNull',
    ])
  })

  test('no other statement has any', () => {
    expect(texts(parse('DROP TABLE t'))).toEqual([])
    expect(texts(parse('ALTER INDEX i SET (fillfactor = 70)'))).toEqual([])
  })
})

test.each([
  ['ALTER TABLE t DROP a', 't'],
  ['ALTER TABLE IF EXISTS ONLY app . "Order" DROP a', 'app . "Order"'],
  ['ALTER TABLE "only" DROP a', '"only"'],
])('the table as it is written: %s', (sql, expected) => expect(alteredTableText(parse(sql))).toBe(expected))

describe('a command taken out', () => {
  const statement = parse('ALTER TABLE t\n  ADD a int,\n  DROP b, -- why\n  DROP c')
  const [first, middle, last] = alterCommands(statement)

  test.each([
    ['the first', [first], 'ALTER TABLE t\n  DROP b, -- why\n  DROP c;'],
    ['one between', [middle], 'ALTER TABLE t\n  ADD a int, -- why\n  DROP c;'],
    ['the last', [last], 'ALTER TABLE t\n  ADD a int,\n  DROP b;'],
    ['two', [first, middle], 'ALTER TABLE t\n  DROP c;'],
    ['all', [first, middle, last], ''],
    ['none', [], 'ALTER TABLE t\n  ADD a int,\n  DROP b, -- why\n  DROP c;'],
  ])('%s', (_, taken, expected) => {
    expect(
      withoutCommands(
        statement,
        taken.flatMap((each) => each ?? []),
      ),
    ).toBe(expected)
  })
})

test('a command replaced leaves the others', () => {
  const statement = parse('ALTER TABLE t DROP a, ADD CHECK (b > 0), DROP c')
  const [first] = alterCommands(statement)
  const changes: [AlterCommand, string][] = [[second(statement), 'ADD CHECK (b > 0) NOT VALID']]
  expect(withCommands(statement, changes)).toBe('ALTER TABLE t DROP a, ADD CHECK (b > 0) NOT VALID, DROP c;')
  if (first) changes.push([first, ''])
  expect(withCommands(statement, changes)).toBe('ALTER TABLE t ADD CHECK (b > 0) NOT VALID, DROP c;')
})

test('a location of the tree is found in the text, whatever stands before the statement', () => {
  const statement = parse("SELECT 'ä';\n-- ü\nALTER TABLE \"ö\" ADD a text DEFAULT '😀', ADD CHECK (a <> '')", 1)
  const check = nodeOf(second(statement).node.def, 'Constraint')
  expect(statement.text.slice(offsetInText(statement, check?.location ?? 0))).toBe("CHECK (a <> '')")
})
