import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import type { Major } from '../../test/postgres.ts'
import { commitAll, folderWith, repositoryWith, writeFiles } from '../../test/repository.ts'
import type { Files } from '../../test/repository.ts'
import { formatLocation } from '../findings/location.ts'
import type { CheckReport } from '../findings/report.ts'
import { checkProject } from './check.ts'
import type { CheckOptions } from './check.ts'

interface Checked {
  report: CheckReport
  /** Files that were run, up or up, down and up. */
  ran: string[]
}

async function check(root: string, options: Partial<CheckOptions> = {}): Promise<Checked> {
  const ran: string[] = []
  const onProgress = (text: string) => {
    const [, message] = /^Tracing \d+\/\d+ (.*)$/.exec(text) ?? []
    if (message !== undefined) ran.push(message)
  }
  const given = { path: root, workingDirectory: root, trace: true, all: false, onProgress, ...options }
  return { report: (await checkProject(given)).report, ran }
}

/** The findings on down sections, in a line each. */
function downFindings({ report }: Checked): string[] {
  return report.findings
    .filter(({ rule }) => rule === 'no-broken-down')
    .map(({ severity, location, message }) => `${severity} ${formatLocation(location)} ${message}`)
}

const table = 'CREATE TABLE a (id bigint PRIMARY KEY);\n'
const mood = "CREATE TYPE mood AS ENUM ('good', 'bad');\nALTER TABLE a ADD COLUMN mood mood;\n"
const forgetful = 'ALTER TABLE a DROP COLUMN mood;\n'
const whole = `${forgetful}DROP TYPE mood;\n`

/** The same history for three tools, released up to its first file. */
const released: Files = {
  'kei/migrations/1_a.sql': table,
  'kei/migrations/1_a.down.sql': 'DROP TABLE missing;',
  'goose/migrations/1_a.sql': `-- +goose Up\n${table}-- +goose Down\nDROP TABLE missing;\n`,
  'golang/migrations/1_a.up.sql': table,
  'golang/migrations/1_a.down.sql': 'DROP TABLE missing;',
}

function withWayBack(down: string): Files {
  return {
    'kei/migrations/2_mood.sql': mood,
    'kei/migrations/2_mood.down.sql': down,
    'goose/migrations/2_mood.sql': `-- +goose Up\n${mood}\n-- +goose Down\n${down}`,
    'golang/migrations/2_mood.up.sql': mood,
    'golang/migrations/2_mood.down.sql': down,
  }
}

describe.each(majors)('on PostgreSQL %i', (postgresMajor: Major) => {
  let root: string
  beforeAll(() => {
    root = repositoryWith(released)
    writeFiles(root, withWayBack(forgetful))
  })

  test('a down section that forgets a type is found in every layout, once it is run', async () => {
    const first = await check(root, { postgresMajor })
    const message = 'After down, up fails: type "mood" already exists (42710); enum public.mood is left behind'
    expect(downFindings(first)).toEqual([
      `error golang/migrations/2_mood.down.sql:1:1 ${message}`,
      `error goose/migrations/2_mood.sql:6:1 ${message}`,
      `error kei/migrations/2_mood.down.sql:1:1 ${message}`,
    ])
    expect(first.ran.filter((text) => text.includes('down, up')).sort()).toEqual([
      'golang/migrations/2_mood.up.sql: up, down, up',
      'goose/migrations/2_mood.sql: up, down, up',
      'kei/migrations/2_mood.sql: up, down, up',
    ])
    expect(await check(root, { postgresMajor })).toEqual({ report: first.report, ran: [] })
  })

  test('mending it runs the round trip alone, and only counts where a file could still be changed', async () => {
    writeFiles(root, withWayBack(whole))
    const mended = await check(root, { postgresMajor })
    expect(downFindings(mended)).toEqual([])
    expect(mended.report.unknown.filter(({ rule }) => rule === 'no-broken-down')).toEqual([])
    // goose has both sections in one file.
    expect(mended.ran.sort()).toEqual([
      'golang/migrations/2_mood.up.sql: up, down, up',
      'goose/migrations/2_mood.sql: up, down, up',
      'kei/migrations/2_mood.sql: up, down, up',
    ])

    writeFiles(root, withWayBack(forgetful))
    commitAll(root)
    expect(downFindings(await check(root, { postgresMajor }))).toEqual([])
  })
})

describe('a project without a repository', () => {
  const root = folderWith({
    'migrations/1_a.sql': table,
    'migrations/1_a.down.sql': 'DROP TABLE a;\nDROP TABLE missing;\n',
    'migrations/2_mood.sql': mood,
    'migrations/2_mood.down.sql': forgetful,
  })
  const both = [
    'error migrations/1_a.down.sql:2:1 The down section fails: table "missing" does not exist (42P01)',
    'error migrations/2_mood.down.sql:1:1 After down, up fails: type "mood" already exists (42710); ' +
      'enum public.mood is left behind',
  ]
  const down = 'migrations/1_a.down.sql'

  test('has nothing that is released', async () => {
    expect(downFindings(await check(root))).toEqual(both)
  })

  test('shows the finding for the file, for its way back, and for no other', async () => {
    expect(downFindings(await check(root, { path: 'migrations/1_a.sql' }))).toEqual(both.slice(0, 1))
    expect(downFindings(await check(root, { path: down }))).toEqual(both.slice(0, 1))
    expect(downFindings(await check(root, { path: 'migrations/2_mood.sql' }))).toEqual(both.slice(1))
  })

  test('does not know without a trace', async () => {
    const { report } = await check(root, { trace: false })
    expect(report.findings.filter(({ rule }) => rule === 'no-broken-down')).toEqual([])
    expect(report.unknown).toContainEqual({ rule: 'no-broken-down', needs: 'a trace', count: 2 })
  })

  test('can ignore a finding with a reason, also where it is not known whether there is one', async () => {
    writeFiles(root, { [down]: '-- kei: ignore-file no-broken-down: it is a joke\nDROP TABLE missing;\n' })
    const ignored = await check(root)
    expect(downFindings(ignored)).toEqual(both.slice(1))
    expect(ignored.report.summary.ignored).toBe(1)
    for (const { report } of [ignored, await check(root, { trace: false })]) {
      expect(report.findings.filter(({ rule }) => rule === 'no-invalid-ignore')).toEqual([])
    }
  })

  test('may say that there is no way back, in the header of a file or by an exception', async () => {
    const raise = `DO $$ BEGIN RAISE EXCEPTION 'the rows are gone'; END $$;\n`
    writeFiles(root, {
      [down]: raise,
      'migrations/2_mood.sql': `-- mood\n-- kei: irreversible mood cannot be taken back\n${mood}`,
    })
    const checked = await check(root)
    expect(downFindings(checked)).toEqual([])
    expect(checked.report.unknown.filter(({ rule }) => rule === 'no-broken-down')).toEqual([])
    expect(checked.ran).not.toContain('migrations/2_mood.sql: up, down, up')
  })

  test('is told of a down section that does not parse, and of one that its runner would be refused', async () => {
    writeFiles(root, { [down]: 'DROP TABLE FROM a;\n' })
    expect((await check(root)).report.findings).toMatchObject([
      { rule: 'no-syntax-error', location: { file: down, line: 1, column: 12 } },
    ])
    writeFiles(root, { [down]: 'BEGIN;\nVACUUM a;\nCOMMIT;\nDROP TABLE a;\n' })
    expect((await check(root)).report.findings).toMatchObject([
      { rule: 'no-refused-statement', location: { file: down, line: 2, column: 1 } },
    ])
  })

  test('is not harmed by a down section without end', async () => {
    writeFiles(root, {
      'kei.jsonc': '{ "trace": { "statementTimeout": 1 } }',
      [down]: 'DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$;\n',
    })
    const needs = 'sections that stay within the limits of a trace'
    const { report } = await check(root)
    expect(report.findings).toEqual([])
    expect(report.unknown).toContainEqual({ rule: 'no-broken-down', needs, count: 1 })
    // What a limit decided is not kept.
    expect((await check(root)).ran).toEqual(['migrations/1_a.sql: up, down, up'])
    rmSync(join(root, 'kei.jsonc'))
  })
})
