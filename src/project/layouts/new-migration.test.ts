import { describe, expect, it } from 'vitest'
import { newMigration } from './new-migration.ts'

const draft = { name: 'add_it', up: 'SELECT 1;', down: 'SELECT 2;', outsideTransaction: true }

describe('newMigration', () => {
  it('numbers a timestamp one second later, over the end of a year too', () => {
    const [up, down] = newMigration({ layout: 'kei', path: 'db' }, '20261231235959', draft)
    expect(up).toEqual({ file: 'db/20270101000000_add_it.sql', text: 'SELECT 1;\n' })
    expect(down).toEqual({ file: 'db/20270101000000_add_it.down.sql', text: 'SELECT 2;\n' })
  })

  it('adds one to a number and keeps its width', () => {
    expect(newMigration({ layout: 'golang-migrate', path: '.' }, '000099', draft).map((each) => each.file)).toEqual([
      '000100_add_it.up.sql',
      '000100_add_it.down.sql',
    ])
  })

  it('takes 14 digits that are no time for a number', () => {
    expect(newMigration({ layout: 'kei', path: '.' }, '20260231000000', draft)[0]?.file).toBe(
      '20260231000001_add_it.sql',
    )
  })

  it("writes goose's annotations and leaves the transaction out where one cannot be", () => {
    expect(newMigration({ layout: 'goose', path: 'm' }, '3', draft)).toEqual([
      {
        file: 'm/4_add_it.sql',
        text: '-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n\n-- +goose Down\nSELECT 2;\n',
      },
    ])
  })

  it('frames code for goose, which would cut it at its semicolons', () => {
    const up = 'SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1;\nEND $$;\nSELECT 2;'
    const [file] = newMigration({ layout: 'goose', path: 'm' }, '3', { ...draft, up, down: '' })
    expect(file?.text).toBe(
      '-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n' +
        '-- +goose StatementBegin\nDO $$\nBEGIN\n  PERFORM 1;\nEND $$;\n-- +goose StatementEnd\nSELECT 2;\n',
    )
  })

  it("makes Prisma's folder, whose version carries a name", () => {
    expect(newMigration({ layout: 'prisma', path: 'p' }, '20260101000000_init', { ...draft, down: '' })).toEqual([
      { file: 'p/20260101000001_add_it/migration.sql', text: 'SELECT 1;\n' },
    ])
  })
})
