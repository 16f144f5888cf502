import { describe, expect, it } from 'vitest'
import { inShort, readLayout, refused } from '../../../test/layout.ts'
import { dbmate } from './dbmate.ts'

const one = (text: string) => readLayout(dbmate, { 'm/1_a.sql': text })

// What is expected here is what dbmate 2.35 did with the same files.
describe('the layout dbmate', () => {
  it('reads sections with their places, in the order of the names as text', () => {
    const text = '-- migrate:up\nSELECT 1;\n\n-- migrate:down\nSELECT 2;\n'
    const folder = readLayout(dbmate, {
      'm/9_b.sql': text,
      'm/10_c_d.sql': text,
      'm/08x.sql': `-- say\n\n--migrate:up foo:bar\nSELECT 0;\n-- migrate:down\n`,
      'm/schema.sql': 'SELECT 3;',
    })
    expect(inShort(folder)).toEqual(['08 transaction-query', '10 transaction-query', '9 transaction-query'])
    const [, migration] = folder.migrations
    expect(migration).toMatchObject({ name: 'c_d', text })
    expect(migration?.up).toMatchObject({ text: 'SELECT 1;\n\n', start: text.indexOf('SELECT 1') })
    expect(migration?.down).toMatchObject({ text: 'SELECT 2;\n', start: text.indexOf('SELECT 2') })
    expect(folder.unreadable).toEqual([])
  })

  it.each([
    ['transaction:false', 'simple-query'],
    ['foo:bar  transaction:false', 'simple-query'],
    ['transaction:true', 'transaction-query'],
    ['transaction:false transaction:true', 'transaction-query'],
    ['transaction: false', 'transaction-query'],
  ])('takes %s for %s, for its own section only', (option, mode) => {
    const [migration] = one(`-- migrate:up ${option}\nSELECT 1;\n-- migrate:down\nSELECT 2;\n`).migrations
    expect(migration?.up.mode).toBe(mode)
    expect(migration?.down?.mode).toBe('transaction-query')
  })

  it.each([
    ['SELECT 1;\n', 1],
    ['-- migrate:up\nSELECT 1;\n', 1],
    ['SELECT 0;\n-- migrate:up\n-- migrate:down\n', 1],
    ['-- migrate:down\n-- migrate:up\n', 1],
    ['-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down\n', 3],
    ['-- migrate:up\n-- migrate:down\n-- migrate:down\n', 3],
  ])('names what dbmate makes of %j', (text, line) => {
    expect(refused(one(text))).toEqual(['1_a.sql bad-annotation'])
    expect(one(text).unreadable[0]?.line).toBe(line)
  })
})
