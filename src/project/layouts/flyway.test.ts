import { describe, expect, it } from 'vitest'
import { inShort, readLayout, refused } from '../../../test/layout.ts'
import type { Files } from '../../../test/repository.ts'
import { flyway } from './flyway.ts'

const concurrently = 'CREATE INDEX CONCURRENTLY ON t (a);'

const modeOf = (text: string, files: Files = {}) =>
  readLayout(flyway, { 'm/V1__a.sql': text, ...files }).migrations[0]?.up.mode

// What is expected here is what Flyway 11.14 did with the same files.
describe('the layout flyway', () => {
  it('reads versions as numbers with dots, the folders below too, and what is repeated last', () => {
    const folder = readLayout(flyway, {
      'm/V10__c.sql': '',
      'm/V9__b.sql': '',
      'm/V1_2__x.sql': '',
      'm/V1.10__x_y.sql': '',
      'm/R__b view.sql': '',
      'm/R__a_z.sql': '',
      'm/sub/V2__s.sql': '',
      'm/V3.sql': '',
      'm/afterMigrate.sql': '',
    })
    const names = folder.migrations.map(({ version, name }) => `${version} ${name}`)
    expect(names).toEqual(['1.2 x', '1.10 x_y', '2 s', '3 ', '9 b', '10 c', 'R__a_z a_z', 'R__b view b view'])
    expect(folder.migrations[2]?.path).toBe('m/sub/V2__s.sql')
    expect(folder.unreadable).toEqual([])
  })

  it('names what it passes over, and a way back of nothing', () => {
    const folder = readLayout(flyway, {
      'm/V1__a.sql': '',
      'm/V_4__no.sql': '',
      'm/V5_no.sql': '',
      'm/v6__lower.sql': '',
      'm/R1__x.sql': '',
      'm/R_x.sql': '',
      'm/7_x.sql': '',
      'm/U8__x.sql': '',
    })
    expect(inShort(folder)).toEqual(['1 transaction'])
    expect(refused(folder)).toEqual([
      '7_x.sql unrecognised-name',
      'R_x.sql unrecognised-name',
      'V5_no.sql unrecognised-name',
      'v6__lower.sql unrecognised-name',
      'U8__x.sql down-without-up',
    ])
  })

  it('takes the undo of the same version for the way back', () => {
    const folder = readLayout(flyway, { 'm/V1_0__a.sql': 'SELECT 1;', 'm/U1__other.sql': 'SELECT -1;' })
    expect(folder.migrations[0]?.down).toMatchObject({ file: 'm/U1__other.sql', text: 'SELECT -1;' })
  })

  it('reads a baseline only where no version is at or before it', () => {
    const files = { 'm/B2__b.sql': '', 'm/V3__c.sql': '', 'm/B1__a.sql': '' }
    expect(inShort(readLayout(flyway, files))).toEqual(['2 transaction', '3 transaction'])
    expect(inShort(readLayout(flyway, { ...files, 'm/V1__a.sql': '' }))).toEqual(['1 transaction', '3 transaction'])
  })

  it.each([
    ['SELECT 1;', 'transaction'],
    ['', 'transaction'],
    [`-- x\n${concurrently}\n/* y */ vacuum (analyze) t;`, 'statement'],
    [`${concurrently} SELECT 1;`, 'transaction'],
    ['ALTER SYSTEM RESET work_mem; REINDEX (VERBOSE) DATABASE d; DISCARD ALL', 'statement'],
    ['DROP INDEX CONCURRENTLY IF EXISTS i', 'statement'],
    ['REINDEX TABLE CONCURRENTLY t;', 'transaction'],
    ['CREATE INDEX ON t (concurrently);', 'transaction'],
  ])('sends %j in the mode %s', (text, mode) => {
    expect(modeOf(text)).toBe(mode)
  })

  it("heeds a script's own settings, and those of the folder's configuration", () => {
    expect(modeOf('SELECT 1;', { 'm/V1__a.sql.conf': 'executeInTransaction=false\n' })).toBe('statement')
    expect(modeOf(concurrently, { 'm/V1__a.sql.conf': 'executeInTransaction = true' })).toBe('transaction')
    expect(modeOf(`${concurrently} SELECT 1;`, { 'flyway.conf': 'flyway.mixed=true\n' })).toBe('statement')
    expect(modeOf(`${concurrently} SELECT 1;`, { 'flyway.toml': '[flyway]\nmixed = true\n' })).toBe('statement')
    expect(modeOf('SELECT 1;', { 'flyway.toml': '[flyway]\nexecuteInTransaction = false\n' })).toBe('statement')
  })

  it('does not read a file whose SQL has a placeholder, and says which', () => {
    const folder = readLayout(flyway, {
      'm/V1__a.sql': "SELECT '${flyway:user}'; -- ${x}\nDO $$ BEGIN PERFORM '${y}'; END $$;",
      'm/V2__b.sql': 'SELECT 1;\nCREATE TABLE t_${schema}.t (a int);',
      'm/V3__c.sql': 'SELECT ${a};',
      'm/V3__c.sql.conf': 'placeholderReplacement=false',
    })
    expect(inShort(folder)).toEqual(['1 transaction', '3 transaction'])
    expect(folder.unreadable).toMatchObject([
      { path: 'm/V2__b.sql', code: 'placeholder', line: 2, message: expect.stringContaining('${schema}') as string },
    ])
  })

  it('names classes, also those that lie beside the resources', () => {
    const files = {
      'src/main/resources/db/migration/V1__a.sql': '',
      'src/main/resources/db/migration/V2__b.java': '',
      'src/main/java/db/migration/V3__c.java': '',
      'src/main/java/db/migration/Base.java': '',
      'src/main/kotlin/db/migration/R__d.kt': '',
    }
    expect(readLayout(flyway, files, 'src/main/resources/db/migration').code).toEqual([
      { path: 'src/main/resources/db/migration/V2__b.java', version: '2' },
      { path: 'src/main/java/db/migration/V3__c.java', version: '3' },
      { path: 'src/main/kotlin/db/migration/R__d.kt', version: 'R__d' },
    ])
  })
})
