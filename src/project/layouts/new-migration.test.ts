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

  it("writes Atlas's directive with the empty line that it needs, and no way back", () => {
    expect(newMigration({ layout: 'atlas', path: 'm' }, '20260101000000', draft)).toEqual([
      { file: 'm/20260101000001_add_it.sql', text: '-- atlas:txmode none\n\nSELECT 1;\n' },
    ])
  })

  it("writes dbmate's sections, both of which it demands", () => {
    const outside = newMigration({ layout: 'dbmate', path: 'm' }, '3', draft)
    const option = ' transaction:false'
    expect(outside).toEqual([
      { file: 'm/4_add_it.sql', text: `-- migrate:up${option}\nSELECT 1;\n\n-- migrate:down${option}\nSELECT 2;\n` },
    ])
    const inside = newMigration({ layout: 'dbmate', path: 'm' }, '3', { ...draft, down: '', outsideTransaction: false })
    expect(inside[0]?.text).toBe('-- migrate:up\nSELECT 1;\n\n-- migrate:down\n')
  })

  it("writes sqlx's pairs, or simple files where the folder has only those", () => {
    const folder = { layout: 'sqlx', path: 'm' } as const
    const pair = [
      { file: 'm/4_add_it.up.sql', text: '-- no-transaction\nSELECT 1;\n' },
      { file: 'm/4_add_it.down.sql', text: '-- no-transaction\nSELECT 2;\n' },
    ]
    expect(newMigration(folder, '3', draft)).toEqual(pair)
    expect(newMigration({ ...folder, migrations: [{ path: 'm/3_a.up.sql' }] }, '3', draft)).toEqual(pair)
    expect(newMigration({ ...folder, migrations: [{ path: 'm/3_a.sql' }] }, '3', draft)).toEqual([
      { file: 'm/4_add_it.sql', text: '-- no-transaction\nSELECT 1;\n' },
    ])
  })

  it("counts on the last part of Flyway's versions, and undoes where the folder does", () => {
    const names = (after: string, down?: { file: string }) =>
      newMigration(
        { layout: 'flyway', path: 'm', migrations: [{ path: 'm/V1__a.sql', ...(down && { down }) }] },
        after,
        { ...draft, outsideTransaction: false },
      ).map(({ file }) => file)
    expect(names('1.9')).toEqual(['m/V1.10__add_it.sql'])
    expect(names('007')).toEqual(['m/V008__add_it.sql'])
    expect(names('1', { file: 'm/U1__a.sql' })).toEqual(['m/V2__add_it.sql', 'm/U2__add_it.sql'])
  })

  it('tells Flyway what it does not see by itself', () => {
    const folder = { layout: 'flyway', path: 'm' } as const
    const up = 'CREATE INDEX CONCURRENTLY ON t (a);'
    expect(newMigration(folder, '1', { ...draft, up })).toHaveLength(1)
    expect(newMigration(folder, '1', { ...draft, up: 'REINDEX TABLE CONCURRENTLY t;' })[1]).toEqual({
      file: 'm/V2__add_it.sql.conf',
      text: 'executeInTransaction=false\n',
    })
  })
})
