import { describe, expect, test } from 'vitest'
import { loadParser } from '../sql/parse.ts'
import type { Statement } from '../sql/statement.ts'
import { addedConstraints, asTableConstraint, columnsInName, withConstraints } from './added-constraint.ts'

const parser = await loadParser()

function parse(sql: string): Statement {
  const parsed = parser.parse(sql)
  const [statement] = parsed.kind === 'parsed' ? parsed.statements : []
  if (statement === undefined) throw new Error(`no statement: ${sql}`)
  return statement
}

describe('the constraints that an ALTER TABLE adds', () => {
  test.each([
    ['ADD CONSTRAINT "x y" CHECK (a > 0) NOT VALID', ['CHECK (a > 0) NOT VALID']],
    ['ADD UNIQUE (a, b) DEFERRABLE, ADD c int', ['UNIQUE (a, b) DEFERRABLE']],
    [
      "ADD c text DEFAULT 'x' CONSTRAINT y CHECK (c <> '') COLLATE \"C\" UNIQUE -- one, each\n INITIALLY DEFERRED REFERENCES r (id) ON DELETE CASCADE",
      [
        "CHECK (c <> '')",
        'UNIQUE -- one, each\n INITIALLY DEFERRED',
        'FOREIGN KEY (c) REFERENCES r (id) ON DELETE CASCADE',
      ],
    ],
    ['ALTER a SET NOT NULL, DROP CONSTRAINT x', []],
  ])('%s', (commands, expected) => {
    const constraints = addedConstraints(parse(`ALTER TABLE t ${commands}`))
    const written = constraints.filter(({ node }) => node.contype !== 'CONSTR_DEFAULT')
    expect(written.map(asTableConstraint)).toEqual(expected)
  })

  test('are enforced unless it says otherwise', () => {
    const enforced = (commands: string) =>
      addedConstraints(parse(`ALTER TABLE t ${commands}`)).map((each) => each.enforced)
    expect(enforced('ADD CHECK (a > 0), ADD CHECK (a > 0) NOT ENFORCED, ADD UNIQUE (a)')).toEqual([true, false, true])
    expect(enforced('ADD c int CHECK (c > 0) NOT ENFORCED UNIQUE REFERENCES r NOT ENFORCED')).toEqual([
      false,
      true,
      false,
    ])
  })

  test('take columns into their names as PostgreSQL does', () => {
    const names = (command: string) => addedConstraints(parse(`ALTER TABLE t ${command}`)).map(columnsInName)
    expect(names('ADD CHECK (a > 0 AND a < 9)')).toEqual([['a']])
    expect(names('ADD CHECK (a > b)')).toEqual([[]])
    expect(names('ADD UNIQUE (a) INCLUDE (b)')).toEqual([['a', 'b']])
    expect(names('ADD PRIMARY KEY (a, b)')).toEqual([[]])
    expect(names('ADD FOREIGN KEY (a, b) REFERENCES r')).toEqual([['a', 'b']])
  })
})

describe('with other text for them', () => {
  const statement = parse(
    'ALTER TABLE t ADD c int -- the third\n  CHECK (c > 0) DEFAULT 1 UNIQUE, ADD CHECK (a > 0), DROP b',
  )
  const constraints = addedConstraints(statement).filter(({ node }) => node.contype !== 'CONSTR_DEFAULT')
  const [check, unique, table] = constraints

  test('a column keeps the rest of its declaration, without the comments before what is gone', () => {
    if (check === undefined || unique === undefined) throw new Error('no constraints')
    expect(
      withConstraints(statement, [
        [check, ['ADD CHECK (c > 0) NOT VALID']],
        [unique, []],
      ]),
    ).toBe('ALTER TABLE t ADD c int DEFAULT 1, ADD CHECK (c > 0) NOT VALID, ADD CHECK (a > 0), DROP b;')
  })

  test('a command is replaced or taken out', () => {
    if (table === undefined) throw new Error('no constraint')
    expect(withConstraints(statement, [[table, []]])).toMatch(/UNIQUE, DROP b;$/)
    expect(withConstraints(statement, [[table, ['DROP a', 'DROP d']]])).toMatch(/UNIQUE, DROP a, DROP d, DROP b;$/)
  })
})
