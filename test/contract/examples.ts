import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { judge } from '../../src/check/judge.ts'
import type { Judgement } from '../../src/check/judge.ts'
import { historySubject, parseFolder } from '../../src/check/read-folder.ts'
import type { ParsedFolder, TracedFolder } from '../../src/check/read-folder.ts'
import { enableRules } from '../../src/check/rule-settings.ts'
import type { LayoutName } from '../../src/config/config.ts'
import { cacheFolder } from '../../src/config/cache-folder.ts'
import type { Finding } from '../../src/findings/finding.ts'
import { applyEdits } from '../../src/findings/fix.ts'
import type { Fix } from '../../src/findings/fix.ts'
import type { MigrationFile, MigrationFolder } from '../../src/project/migration-file.ts'
import { allRules } from '../../src/rules/registry.ts'
import type { Major, Rule, RuleExample } from '../../src/rules/rule.ts'
import { loadParser } from '../../src/sql/parse.ts'
import type { TransactionMode } from '../../src/sql/transactions.ts'
import { evidencePath } from '../../src/trace/evidence-cache.ts'
import { traceHistory } from '../../src/trace/history.ts'

/** A file of an example, released when it is the example's setup. */
export interface ExampleMigration {
  file: string
  text: string
  released: boolean
}

const folder = 'migrations'
const downSuffix = '.down.sql'
const parser = await loadParser()

/** The migrations that `bad` or `good` of an example stands for, oldest first. */
export function migrationsOf({ setup }: RuleExample, files: RuleExample['bad']): ExampleMigration[] {
  const before = setup === undefined ? [] : [{ file: `${folder}/0000_setup.sql`, text: `${setup}\n`, released: true }]
  const own = typeof files === 'string' ? [{ file: '0001_example.sql', text: files }] : files
  return [
    ...before,
    ...own.map(({ file, text }) => ({ file: `${folder}/${file}`, text: `${text}\n`, released: false })),
  ]
}

/** The migrations once a fix is made: edits applied, new files added after the others. */
export function applyFix(migrations: readonly ExampleMigration[], { edits, newFiles }: Fix): ExampleMigration[] {
  const edited = migrations.map((migration) => ({
    ...migration,
    text: applyEdits(
      migration.text,
      edits.filter((edit) => edit.file === migration.file),
    ),
  }))
  return [...edited, ...newFiles.map(({ file, text }) => ({ file, text, released: false }))]
}

export interface Judged {
  /** Of the one rule. */
  findings: Finding[]
  /** Of the others. */
  others: Finding[]
  /** What the one rule could not decide. */
  unknown: string[]
  traced?: TracedFolder
}

/** Whose folder it is and how its files are sent. */
export interface Runner {
  layout: LayoutName
  mode: TransactionMode
  /** Whose shadow server traces it. Default: that of the tests. */
  project?: string
}

const kei: Runner = { layout: 'kei', mode: 'grouped' }

/**
 * What `kei check` finds by `rule` in these migrations, by the text alone or with a trace on `major`; all rules run, so
 * that ignore comments mean what they mean.
 * @param fails the SQLSTATE with which one of the statements is refused; the trace ends there.
 * @throws Error when a statement of a traced history does not run, or none is refused as said.
 */
export async function judgeExample(
  rule: Rule,
  migrations: readonly ExampleMigration[],
  major: Major,
  how: 'text' | 'trace',
  runner = kei,
  fails?: string,
): Promise<Judged> {
  const { findings, unknown, traced } = await judgeMigrations(migrations, major, how, runner)
  let isRefused = false
  for (const { file } of migrations) {
    for (const statement of traced?.statements(file) ?? []) {
      isRefused ||= fails !== undefined && statement.status === 'failed' && statement.sqlstate === fails
      if (statement.status === 'traced' || isRefused) continue
      throw new Error(`${file}: ${statement.status}: ${statement.cause}`)
    }
  }
  if (traced && fails !== undefined && !isRefused) throw new Error(`no statement was refused with ${fails}`)
  return {
    findings: findings.filter((finding) => finding.rule === rule.id),
    others: findings.filter((finding) => finding.rule !== rule.id),
    unknown: unknown.filter((entry) => entry.rule === rule.id).map((entry) => entry.needs),
    ...(traced && { traced }),
  }
}

/** What `kei check` finds in these migrations, by the text alone or with a trace on `major`. */
export async function judgeMigrations(
  migrations: readonly ExampleMigration[],
  major: Major,
  how: 'text' | 'trace',
  runner = kei,
): Promise<Judgement & { traced?: TracedFolder }> {
  const parsed = parseFolder(parser, folderOf(migrations, runner))
  const traced = how === 'trace' ? await traceParsed(parsed, major, runner) : undefined
  const judgement = judge(
    {
      histories: [historySubject(parsed, traced)],
      unreadable: parsed.unreadable,
      ignores: parsed.ignores,
      released: new Set(migrations.filter((each) => each.released).map((each) => each.file)),
    },
    enableRules(allRules, {}),
    { major, today: '2026-11-23', all: true, knownRules: allRules.map(({ id }) => id) },
  )
  return { ...judgement, ...(traced && { traced }) }
}

async function traceParsed(parsed: ParsedFolder, major: Major, runner: Runner): Promise<TracedFolder> {
  const { layout, project = 'the tests of kei' } = runner
  // Evidence of an earlier run must not stand in for this one.
  rmSync(evidencePath(cacheFolder(), { project, folder, major }), { force: true })
  const trace = await traceHistory({
    major,
    project,
    cacheFolder: cacheFolder(),
    folder,
    layout,
    migrations: parsed.migrations.map(({ migration, statements, down }) => ({
      file: migration.path,
      text: migration.text,
      section: migration.up,
      statements,
      ...(down && { down }),
    })),
  })
  const byFile = new Map(trace.files.map((each) => [each.file, each]))
  return {
    catalog: trace.catalog,
    complete: trace.complete,
    statements: (file) => byFile.get(file)?.statements,
    roundTrip: (file) => byFile.get(file)?.roundTrip,
  }
}

/** The folder that these migrations are, as `kei check` reads it. */
export function folderOf(migrations: readonly ExampleMigration[], { layout, mode }: Runner = kei): MigrationFolder {
  return {
    layout,
    path: folder,
    migrations: migrations.flatMap(({ file, text, released }): MigrationFile[] => {
      if (file.endsWith(downSuffix)) return []
      const [, version = '', name = ''] = /(\d+)_(\w+)(?:\.up)?\.sql$/.exec(file) ?? []
      const up = { file, text, start: 0, mode }
      const down = migrations.find((each) => each.file === file.replace(/(?:\.up)?\.sql$/, downSuffix))
      const back = down && { down: { file: down.file, text: down.text, start: 0, mode } }
      return [{ layout, version, name, path: file, text, up, ...back, released }]
    }),
    unreadable: [],
    code: [],
  }
}

/** Whether this run takes the case on 16 and 18 too: all with KEI_TEST=full, else a fifth chosen by KEI_TEST_SEED. */
export function isInSlice(name: string): boolean {
  if (process.env['KEI_TEST'] === 'full') return true
  const digest = createHash('sha256')
    .update(`${process.env['KEI_TEST_SEED'] ?? ''}\0${name}`)
    .digest()
  return digest.readUInt32BE() % 5 === 0
}

/** A history from texts, oldest first; all but the last are released. */
export function history(...texts: string[]): ExampleMigration[] {
  return texts.map((text, index) => ({
    file: `${folder}/000${index + 1}_step.sql`,
    text: `${text}\n`,
    released: index < texts.length - 1,
  }))
}
