import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { majors, withDatabase } from '../../test/postgres.ts'
import { loadParser } from './parse.ts'
import { nodeOf } from './statement.ts'
import { readStringLiteral } from './string-literal.ts'
import { tokenEnd } from './token.ts'
import { findNodes } from './walk.ts'

const parser = await loadParser()

/** The value that PostgreSQL's grammar reads; undefined when the text is not one literal. */
function valueOf(literal: string): string | undefined {
  const parsed = parser.parse(`SELECT ${literal}`)
  if (parsed.kind !== 'parsed') return undefined
  const [constant, ...others] = findNodes(parsed.statements[0]?.node, 'A_Const')
  const targets = nodeOf(parsed.statements[0]?.node, 'SelectStmt')?.targetList
  const isAlone = others.length === 0 && targets?.length === 1 && nodeOf(targets[0], 'ResTarget')?.name === undefined
  return isAlone && constant?.sval !== undefined ? (constant.sval.sval ?? '') : undefined
}

describe('readStringLiteral', () => {
  it('reads the value that PostgreSQL reads', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'é',
        '😀',
        ' ',
        "''",
        '\\n',
        '\\\\',
        "\\'",
        '\\x41',
        '\\101',
        '\\u00e9',
        '\\U0001F600',
        '\\q',
        '$',
        '$b$',
      ],
      ...["'\n'", "' \r\n\t'", '"', '--', '/*'],
    )
    const frame = fc.constantFrom(["'", "'"], ["E'", "'"], ["e'", "'"], ['$$', '$$'], ['$a$', '$a$'])
    let read = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), frame, (pieces, [open = '', close = '']) => {
        const literal = open + pieces.join('') + close
        const expected = valueOf(literal)
        if (expected === undefined || tokenEnd(literal, 0) !== literal.length) return
        read++
        expect(readStringLiteral(literal)?.value).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
    expect(read).toBeGreaterThan(500)
  })

  it.each(majors)('joins the parts of a literal as PostgreSQL %d does', async (major) => {
    await withDatabase(major, async (client) => {
      for (const literal of [`'a'\n'b'`, `'a' \t\r\n 'b''c'`, `'a' -- it's\n 'b'`, `E'a'\n -- x\n--\n'b\\'c'`]) {
        const { rows } = await client.query<{ value: string }>(`SELECT ${literal} AS value`)
        expect(readStringLiteral(literal)?.value, literal).toBe(rows[0]?.value)
      }
    })
  })

  it('knows where in the token each unit comes from', () => {
    const token = `E'a\\u00e9''b' -- c\n'd'`
    const { value, offsets } = readStringLiteral(token) ?? { value: '', offsets: [] }
    expect(value).toBe("aé'bd")
    expect(offsets.map((offset) => token.slice(offset, offset + 2))).toEqual(['a\\', '\\u', "''", "b'", "d'", "'"])
  })

  it('leaves other tokens and the escapes of Unicode literals alone', () => {
    for (const token of ['a', '"a"', '1', '$1', 'E']) expect(readStringLiteral(token)).toBeUndefined()
    expect(readStringLiteral(`U&'\\0061'`)?.value).toBe('\\0061')
  })

  it('reads an open literal to its end', () => {
    expect(readStringLiteral("'abc")).toEqual({ value: 'abc', offsets: [1, 2, 3, 4] })
    expect(readStringLiteral('$$abc$')).toEqual({ value: 'abc$', offsets: [2, 3, 4, 5, 6] })
  })
})
