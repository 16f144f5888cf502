import { describe, expect, it } from 'vitest'
import { inShort, readLayout, refused } from '../../../test/layout.ts'
import { atlas } from './atlas.ts'

const one = (text: string) => readLayout(atlas, { 'm/1_a.sql': text })

// What is expected here is what Atlas v1.2.3 did with the same files.
describe('the layout atlas', () => {
  it('reads every .sql file in the order of the names', () => {
    const folder = readLayout(atlas, {
      'm/9_b_c.sql': 'SELECT 2;',
      'm/10_c.sql': 'SELECT 1;',
      'm/08.sql': 'SELECT 0;',
      'm/schema.sql': 'SELECT 3;',
      'm/atlas.sum': '',
    })
    const named = folder.migrations.map(({ version, name }) => [version, name])
    expect(named).toEqual([
      ['08', ''],
      ['10', 'c'],
      ['9', 'b_c'],
      ['schema', ''],
    ])
    expect(folder.migrations[1]?.up).toEqual({ file: 'm/10_c.sql', text: 'SELECT 1;', start: 0, mode: 'transaction' })
    expect(folder.unreadable).toEqual([])
  })

  it.each([
    ['-- atlas:txmode none\n\nSELECT 1;', 'statement'],
    ['-- say\n--atlas:txmode none \n  \nSELECT 1;', 'statement'],
    ['-- atlas:txmode none', 'statement'],
    ['-- atlas:txmode file\n\nSELECT 1;', 'transaction'],
    ['-- atlas:txmode none\nSELECT 1;', 'transaction'],
    ['\n-- atlas:txmode none\n\nSELECT 1;', 'transaction'],
    ['-- atlas:txmode none\r\n\r\nSELECT 1;', 'transaction'],
  ])('takes the mode of %j from its directives', (text, mode) => {
    expect(one(text).migrations[0]?.up.mode).toBe(mode)
  })

  it.each([['-- atlas:txmode all'], ['-- atlas:txmode x'], ['-- atlas:txmode none\n-- atlas:txmode file']])(
    'names the refusal of %j',
    (head) => {
      expect(refused(one(`${head}\n\nSELECT 1;`))).toEqual(['1_a.sql bad-directive'])
    },
  )

  it('reads a checkpoint only where nothing is before it', () => {
    const checkpoint = '-- atlas:checkpoint\n\nCREATE TABLE t ();'
    const files = { 'm/2_b.sql': checkpoint, 'm/3_c.sql': 'SELECT 3;' }
    expect(inShort(readLayout(atlas, files))).toEqual(['2 transaction', '3 transaction'])
    const after = readLayout(atlas, { ...files, 'm/1_a.sql': 'SELECT 1;' })
    expect(inShort(after)).toEqual(['1 transaction', '3 transaction'])
    expect(after.unreadable).toEqual([])
  })

  it('puts semicolons for another delimiter, outside quotes and parentheses, and moves nothing', () => {
    const text =
      "-- atlas:delimiter \\n\\n\nCREATE TABLE a (b int,\n\nc text DEFAULT '\n\n')\n\n-- x\nSELECT 1; SELECT 2\n\n"
    const { up } = one(text).migrations[0] ?? {}
    expect(up?.text).toBe(
      "-- atlas:delimiter \\n\\n\nCREATE TABLE a (b int,\n\nc text DEFAULT '\n\n');\n-- x\nSELECT 1; SELECT 2;\n",
    )
    const word = one('-- atlas:delimiter -- end\n\nSELECT 1\n-- end\nSELECT 2 -- end').migrations[0]?.up.text
    expect(word).toBe('-- atlas:delimiter -- end\n\nSELECT 1\n;     \nSELECT 2 ;     ')
  })

  it('reads the entries of an archive', () => {
    const text =
      '-- atlas:txtar\n-- atlas:txmode none\n\n-- checks.sql --\nSELECT 0;\n' +
      '-- migration.sql --\nSELECT 1;\n-- down.sql --\nSELECT 2;\n'
    const [migration] = one(text).migrations
    expect(migration?.up).toMatchObject({ text: 'SELECT 1;\n', start: text.indexOf('SELECT 1'), mode: 'statement' })
    expect(migration?.down).toMatchObject({ text: 'SELECT 2;\n', start: text.indexOf('SELECT 2') })
    expect(refused(one('-- atlas:txtar\n\n-- checks.sql --\nSELECT 0;\n'))).toEqual(['1_a.sql bad-directive'])
  })
})
