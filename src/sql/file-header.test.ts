import { describe, expect, it } from 'vitest'
import { readHeader } from './file-header.ts'

describe('readHeader', () => {
  it.each([
    ['-- kei: irreversible the totals are gone\nSELECT 1;', { irreversible: 'the totals are gone' }],
    ['\n-- A file.\n--kei:transaction none\nSELECT 1;', { transaction: 'none' }],
    ['/* A file. */ ;\n-- KEI: lock-timeout 5s', { lockTimeout: 5000 }],
    ['-- kei: lock-timeout 250ms\n', { lockTimeout: 250 }],
    ['-- kei: lock-timeout 1.5 min  \n', { lockTimeout: 90_000 }],
    ['-- kei: transaction none\r\n-- kei: lock-timeout 2s\r\nSELECT 1', { transaction: 'none', lockTimeout: 2000 }],
    ['-- kei: ignore no-x: why\n-- kei: ignore-file no-y: why\nSELECT 1;\n-- kei: ignore no-x', {}],
    ['-- kei runs this file\nSELECT 1', {}],
    [`SELECT '\n-- kei: transaction none\n' AS "-- kei: x", $$\n-- kei: y\n$$`, {}],
    ['-- see -- kei: transaction none\nSELECT 1', {}],
    ['SELECT 1', {}],
  ])('reads %j', (text, header) => {
    expect(readHeader(text)).toEqual({ header, problems: [] })
  })

  it.each([
    ['-- kei: irreversable x', 1, 'unknown header `irreversable`; did you mean `irreversible`?'],
    ['\n-- kei: ingore no-x: why', 2, 'unknown header `ingore`; did you mean `ignore`?'],
    ['-- kei: frobnicate', 1, 'unknown header `frobnicate`; there are `irreversible`, `transaction`, `lock-timeout`'],
    ['-- kei: Transaction none', 1, 'unknown header `Transaction`; did you mean `transaction`?'],
    ['-- kei: irreversible', 1, 'say why: `-- kei: irreversible REASON`'],
    ['-- kei: transaction off', 1, 'expected `-- kei: transaction none`, found `transaction off`'],
    ['-- kei: lock-timeout 5', 1, 'expected a time such as `500ms`, `5s` or `1min`, found `5`'],
    ['-- kei: lock-timeout 0s', 1, 'expected a time such as `500ms`, `5s` or `1min`, found `0s`'],
    ['-- kei: lock-timeout 40000min', 1, 'expected a time such as `500ms`, `5s` or `1min`, found `40000min`'],
    ['SELECT 1;\n\n-- kei: transaction none', 3, '`-- kei: transaction` must stand before the first statement'],
    ['SELECT\n-- kei: lock-timeout 5s\n1', 2, '`-- kei: lock-timeout` must stand before the first statement'],
    ['/* kei: transaction none */', 1, 'the header line must be a `--` comment: `-- kei: transaction …`'],
    ['-- kei: transaction none\n-- kei: transaction none', 2, '`-- kei: transaction` stands twice'],
  ])('refuses %j', (text, line, message) => {
    expect(readHeader(text).problems).toEqual([{ line, message }])
  })
})
