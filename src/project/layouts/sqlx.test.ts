import { describe, expect, it } from 'vitest'
import { inShort, readLayout, refused } from '../../../test/layout.ts'
import { sqlx } from './sqlx.ts'

// What is expected here is what sqlx-cli 0.9 did with the same files.
describe('the layout sqlx', () => {
  it('reads simple files and pairs in the order of the numbers', () => {
    const folder = readLayout(sqlx, {
      'm/10_c.sql': 'SELECT 10;',
      'm/9_b.up.sql': 'SELECT 9;',
      'm/9_b.down.sql': 'SELECT -9;',
      'm/0008_x_y.sql': 'SELECT 8;',
      'm/8_x.down.sql': 'SELECT -8;',
    })
    expect(inShort(folder)).toEqual(['0008 transaction-query', '9 transaction-query', '10 transaction-query'])
    expect(folder.migrations.map(({ name, down }) => [name, down?.text])).toEqual([
      ['x_y', 'SELECT -8;'],
      ['b', 'SELECT -9;'],
      ['c', undefined],
    ])
    expect(folder.unreadable).toEqual([])
  })

  it('takes a file out of the transaction by its first characters alone', () => {
    const folder = readLayout(sqlx, {
      'm/1_a.sql': '-- no-transaction\nVACUUM;',
      'm/2_b.sql': '-- no-transactions at all\nVACUUM;',
      'm/3_c.sql': '\n-- no-transaction\nVACUUM;',
      'm/4_d.sql': '--no-transaction\nVACUUM;',
      'm/5_e.sql': '\uFEFF-- no-transaction\nVACUUM;',
    })
    const modes = folder.migrations.map(({ up }) => up.mode)
    expect(modes).toEqual(['simple-query', 'simple-query', ...Array<string>(3).fill('transaction-query')])
  })

  it('names what sqlx passes over and what it refuses', () => {
    const folder = readLayout(sqlx, {
      'm/1_a.sql': 'SELECT 1;',
      'm/2.sql': 'SELECT 2;',
      'm/schema.sql': 'SELECT 3;',
      'm/seed_x.sql': 'SELECT 4;',
      'm/9223372036854775808_x.sql': 'SELECT 5;',
      'm/7_x.down.sql': 'SELECT 6;',
    })
    expect(inShort(folder)).toEqual(['1 transaction-query'])
    expect(refused(folder)).toEqual([
      '2.sql unrecognised-name',
      '9223372036854775808_x.sql unrecognised-name',
      'seed_x.sql unrecognised-name',
      '7_x.down.sql down-without-up',
    ])
  })
})
