import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadParser } from './parse.ts'
import { findNodes, walk } from './walk.ts'

const parser = await loadParser()

function nodeOf(sql: string) {
  const parsed = parser.parse(sql)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return parsed.statements[0]?.node
}

function tagsOf(sql: string, closed?: string): string[] {
  const tags: string[] = []
  walk(nodeOf(sql), (tag) => {
    tags.push(tag)
    return tag !== closed
  })
  return tags
}

describe('walk', () => {
  it('visits parents before children, in the order of the text', () => {
    expect(tagsOf('SELECT a + 1, b FROM t WHERE c')).toEqual([
      'SelectStmt',
      'ResTarget',
      'A_Expr',
      'String',
      'ColumnRef',
      'String',
      'A_Const',
      'ResTarget',
      'ColumnRef',
      'String',
      'RangeVar',
      'ColumnRef',
      'String',
    ])
  })

  it('stays out of a node when told to', () => {
    expect(tagsOf('SELECT a + 1, b', 'A_Expr')).toEqual([
      'SelectStmt',
      'ResTarget',
      'A_Expr',
      'ResTarget',
      'ColumnRef',
      'String',
    ])
    expect(tagsOf('SELECT 1', 'SelectStmt')).toEqual(['SelectStmt'])
  })

  it('walks through fields of a fixed kind, which have no tag, without visiting them', () => {
    expect(tagsOf('CREATE INDEX ON t (a)')).toEqual(['IndexStmt', 'IndexElem'])
    expect(tagsOf('CREATE TABLE t (a int DEFAULT 1)')).toContain('A_Const')
  })

  it('visits nothing without a root', () => {
    walk(undefined, () => expect.unreachable())
  })

  it('is not bound by the depth of the tree', () => {
    expect(findNodes(nodeOf(`SELECT ${'1 + '.repeat(5_000)}1`), 'A_Const')).toHaveLength(5_001)
  })
})

describe('findNodes', () => {
  it('finds every one, in the order of the text', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { minLength: 1 }), (numbers) => {
        const constants = findNodes(nodeOf(`SELECT f(ARRAY[${numbers.join(', ')}])`), 'A_Const')
        expect(constants.map((constant) => constant.ival?.ival ?? 0)).toEqual(numbers)
      }),
    )
  })
})
