import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commentsBetween } from './comments.ts'
import { loadParser } from './parse.ts'

const parser = await loadParser()

function statementsOf(text: string, base = 0) {
  const parsed = parser.parse(text, base)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return parsed.statements
}

function between(text: string, base = 0): string[] {
  return commentsBetween(text, statementsOf(text, base), base).map((comment) => comment.text)
}

describe('commentsBetween', () => {
  it('finds comments before, between and after statements, and none inside them', () => {
    const text = `-- a\n/* b /* nested */ still b */ SELECT '-- no', /* no */ 1 -- c\n; -- d\nSELECT 2;/* e */-- f`
    expect(between(text)).toEqual(['-- a', '/* b /* nested */ still b */', '-- c', '-- d', '/* e */', '-- f'])
    expect(between(text, 1000)).toEqual(between(text))
  })

  it('gives the body without the signs', () => {
    const bodies = commentsBetween('--a\n--- b \n/*c*/ /** d\n * e **/ /**/ /***/ --\n-- -- f', []).map(
      (comment) => comment.body,
    )
    expect(bodies).toEqual(['a', 'b', 'c', 'd\n * e', '', '', '', '-- f'])
  })

  it('ends a line comment at a carriage return too, as PostgreSQL does', () => {
    expect(between('-- a\rSELECT 1;\r\n-- b\r\nSELECT 2')).toEqual(['-- a', '-- b'])
    expect(statementsOf('-- a\rSELECT 1').map((statement) => statement.text)).toEqual(['SELECT 1'])
  })

  it('finds exactly the comments that the scanner finds outside the statements', () => {
    const piece = fc.constantFrom(
      'SELECT 1;',
      `SELECT '/* é';`,
      `SELECT $$ -- $$;`,
      'SELECT 1 - -1 /* 😀 */;',
      ' ',
      '\n',
      ';',
      '-- line\n',
      '--\n',
      '/* block */',
      '/* a /* b */ -- c\n */',
      '/* 索引 */',
      '/***/',
    )
    fc.assert(
      fc.property(fc.array(piece), fc.nat(50), (pieces, base) => {
        const text = pieces.join('')
        const statements = statementsOf(text, base)
        const expected = parser
          .tokens(text)
          .filter((token) => token.name === 'SQL_COMMENT' || token.name === 'C_COMMENT')
          .filter((token) => !statements.some((s) => s.start <= token.start + base && token.end + base <= s.end))
        const found = commentsBetween(text, statements, base)
        expect(found.map((comment) => comment.text)).toEqual(expected.map((token) => token.text.trimEnd()))
        for (const comment of found) expect(text.slice(comment.start - base, comment.end - base)).toBe(comment.text)
      }),
      { numRuns: 300 },
    )
  })
})
