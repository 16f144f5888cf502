import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withDatabase } from '../../test/postgres.ts'
import { constantText } from './constant-text.ts'
import { loadParser } from './parse.ts'
import { nodeOf } from './statement.ts'

const parser = await loadParser()

function textOf(expression: string): string | undefined {
  const parsed = parser.parse(`SELECT ${expression}`)
  const select = parsed.kind === 'parsed' ? nodeOf(parsed.statements[0]?.node, 'SelectStmt') : undefined
  return constantText(nodeOf(select?.targetList?.[0], 'ResTarget')?.val, new Map())
}

/** As SQL, its backslashes as they are. */
const literal = fc
  .string({ unit: fc.constantFrom(...'aB_ "\'\\%$é𝒳1'), maxLength: 8 })
  .map((text) => `'${text.replaceAll("'", "''")}'`)
const name = fc.oneof(
  literal.filter((text) => text !== "''"),
  fc.constantFrom("'select'", "'Order'", "'t1'", "'a.b'"),
)

/** Expressions that PostgreSQL gives a text for. */
const { expression } = fc.letrec<{ expression: string; call: string }>((tie) => ({
  expression: fc.oneof({ depthSize: 'small' }, literal, tie('call')),
  call: fc.oneof(
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a} || ${b})`),
    tie('expression').map((a) => `quote_literal(${a})`),
    tie('expression').map((a) => `${a}::text`),
    name.map((a) => `quote_ident(${a})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `concat(${a}, ${b}, 7)`),
    fc.tuple(tie('expression'), name).map(([a, b]) => `format('x %s %I, %L %1$s %%', ${a}, ${b}, ${a})`),
  ),
}))

test('an expression has the text that PostgreSQL gives it', async () => {
  await withDatabase(17, async (client) => {
    await fc.assert(
      fc.asyncProperty(expression, async (sql) => {
        const { rows } = await client.query<{ text: string }>(`SELECT (${sql})::text AS text`)
        expect(textOf(sql)).toBe(rows[0]?.text)
      }),
      { numRuns: 300 },
    )
  })
})

test.each([
  'now()::text',
  'a',
  'lower($1)',
  "'a' || NULL",
  "'a' + 'b'",
  "'5'::int",
  "format('%s')",
  "concat(VARIADIC ARRAY['a'])",
])('%s has none that is sure', (sql) => expect(textOf(sql)).toBeUndefined())
