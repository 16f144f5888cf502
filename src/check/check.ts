import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../config/cache-folder.ts'
import type { Config, PostgresMajor } from '../config/config.ts'
import { interrupted } from '../errors.ts'
import type { Database } from '../findings/database.ts'
import { worstOf } from '../findings/finding.ts'
import type { Severity } from '../findings/finding.ts'
import type { CheckReport } from '../findings/report.ts'
import { changedFiles } from '../project/changes.ts'
import { findProject } from '../project/discover.ts'
import type { Project } from '../project/discover.ts'
import { readVersion } from '../version.ts'
import { checkedDatabase, liveSubjects, liveNotices } from './live.ts'
import { openResultCache } from './result-cache.ts'
import type { KeptReport } from './result-cache.ts'
import { readSurroundings } from './surroundings.ts'
import type { Surroundings } from './surroundings.ts'
import type { FolderTrace } from './trace-folder.ts'

export interface CheckOptions {
  /** A repository, a folder in it, a migration folder or one migration file. */
  path: string
  workingDirectory: string
  /** Default: what kei.jsonc says, else 17. */
  postgresMajor?: PostgresMajor | undefined
  /** Whether the history runs on a shadow server. */
  trace: boolean
  /** Whether findings on released files are shown rather than counted. */
  all: boolean
  /** A commit or branch: what has come since it is judged, what it has counts as released. */
  since?: string | undefined
  /** Whether what is staged is judged, rather than what is on the disk. Default: no. */
  staged?: boolean
  /** Reads the running database that is judged too; given the project's configuration. Nothing is cached then. */
  readDatabase?: ((config: Config) => Promise<Database>) | undefined
  /** Aborting it cancels the running statement on the shadow and rejects the check. */
  signal?: AbortSignal
  /** Called with what is going on. */
  onProgress?: (text: string) => void
}

export interface CheckResult {
  /** Where it comes from kei's cache it is read when it is asked for first. */
  readonly report: CheckReport
  /** The report as one JSON document, where that is at hand. */
  json?: string
  /** The highest severity that was found; undefined when nothing was. */
  worst: Severity | undefined
  /** What kei.jsonc says, else `warning`. */
  failOn: Severity
  /** Real path of the repository, to which the report's paths are relative. */
  root: string
  /** Whether all of what is at the path was judged, rather than one file or what has changed. */
  isWhole: boolean
  /** The decoded text of a file that was checked. */
  textOf(file: string): string | undefined
}

/**
 * Judges the migrations of a project. Reads files, runs the history on a throw-away server unless told not to, and
 * writes nothing but kei's cache.
 * @throws KeiError of `findProject`, `no-migrations-found` where there is nothing else to judge either, and `interrupted` when the signal aborts.
 */
export async function checkProject(options: CheckOptions): Promise<CheckResult> {
  const project = await findProject(options.path, options.workingDirectory, options)
  const major = options.postgresMajor ?? project.config.postgres.major
  const database = await options.readDatabase?.(project.config)
  throwIfAborted(options.signal)
  const migrations = project.folders.flatMap((folder) => folder.migrations)
  // In this order: the text of a goose file is that of both its sections.
  const texts = new Map([
    ...migrations.flatMap(({ down }) => (down === undefined ? [] : [[down.file, down.text] as const])),
    ...migrations.map(({ path, text }) => [path, text] as const),
  ])
  const surroundings =
    project.only === undefined
      ? await readSurroundings(project.root, project.start, texts, major, project.staged)
      : undefined
  if (project.nothing !== undefined) {
    if (database === undefined && !standsAlone(project, surroundings)) throw project.nothing
    if (!project.isConfiguration) project.notices.push(`${project.nothing.message}.`)
  }
  for (const [path, text] of surroundings?.texts ?? []) texts.set(path, text)
  const only = judgedFiles(project, options, texts)
  const today = new Date().toISOString().slice(0, 10)
  const parts = [
    ...(await resultParts(project, major, options)),
    ...(surroundings?.parts ?? []),
    ...(surroundings?.dated === true ? [today] : []),
    JSON.stringify([only && [...only], gitParts(project)]),
  ]
  const cache = database === undefined ? openResultCache(cacheFolder(), parts) : undefined
  const rest = {
    root: project.root,
    failOn: project.config.failOn,
    isWhole: only === undefined,
    textOf: (file: string) => texts.get(file),
  }
  const cached = cache?.read()
  if (cached !== undefined) return resultOf(cached, rest)
  const { report, repeatable } = await judgeProject(project, { surroundings, database, only, today }, major, options)
  if (repeatable && cache !== undefined) return resultOf(cache.write(report), rest)
  return { report, worst: worstOf(report.findings), ...rest }
}

function resultOf(kept: KeptReport, rest: Omit<CheckResult, 'report' | 'json' | 'worst'>): CheckResult {
  const { json, worst } = kept
  return {
    ...rest,
    json,
    worst,
    get report() {
      return kept.report()
    },
  }
}

/** Whether what stands around migrations is worth a report where there are none. */
function standsAlone({ start }: Project, surroundings: Surroundings | undefined): boolean {
  const judged = surroundings?.judged ?? []
  // Environment files are among the texts; of their history there may be nothing but that it is not known.
  return judged.some(({ kind }) => kind !== 'environment' && (kind !== 'text' || start === '.'))
}

/** All that decides a report, as texts: when none of it changed, neither has the report. */
async function resultParts(project: Project, major: PostgresMajor, options: CheckOptions): Promise<string[]> {
  const { config } = project
  const parts = [
    'kei check 3',
    readVersion(),
    // A checkout that is built again has the same version but other rules.
    String(statSync(fileURLToPath(import.meta.url)).mtimeMs),
    JSON.stringify({
      root: project.root,
      notices: project.notices,
      release: project.release.state,
    }),
    JSON.stringify({ rules: config.rules, trace: config.trace, major, traced: options.trace, all: options.all }),
  ]
  if (options.trace) {
    const [{ serverIdentity }, { readSetup }] = await Promise.all([
      import('../trace/server-identity.ts'),
      import('../trace/project-settings.ts'),
    ])
    parts.push(serverIdentity(major), ...readSetup(project))
  }
  for (const folder of project.folders) {
    parts.push(JSON.stringify([folder.layout, folder.path, folder.unreadable, folder.code, folder.sum]))
    for (const { path, up, down, released, text } of folder.migrations) {
      parts.push(path, `${up.mode} ${up.start} ${released}`, text)
      if (down !== undefined && !released) parts.push(down.file, `${down.mode} ${down.start}`, down.text)
    }
  }
  return parts
}

/** What is judged beside the migrations, and which files of it all. */
interface Around {
  surroundings: Surroundings | undefined
  database: Database | undefined
  only: ReadonlySet<string> | undefined
  /** ISO 8601. */
  today: string
}

/** `repeatable` is false when time, memory or disk decided what a trace showed: such a report is not kept. */
async function judgeProject(
  project: Project,
  { surroundings, database, only, today }: Around,
  major: PostgresMajor,
  options: CheckOptions,
): Promise<{ report: CheckReport; repeatable: boolean }> {
  const say = options.onProgress ?? (() => undefined)
  const { loadParser } = await import('../sql/parse.ts')
  const { allRules } = await import('../rules/registry.ts')
  const { enableRules } = await import('./rule-settings.ts')
  const { parseFolder, historySubject } = await import('./read-folder.ts')
  const { judge } = await import('./judge.ts')
  const { releasedChanges } = await import('./released-changes.ts')
  const { redactReport } = await import('./redact-report.ts')
  const rules = enableRules(allRules, project.config.rules)
  const parser = await loadParser()
  say('Parsing')
  const folders = project.folders.map((folder) => parseFolder(parser, folder))
  throwIfAborted(options.signal)

  const traces: (FolderTrace | undefined)[] = []
  for (const folder of folders) {
    if (!options.trace) {
      traces.push(undefined)
      continue
    }
    const { traceFolder } = await import('./trace-folder.ts')
    traces.push(await traceFolder(project, folder, major, { signal: options.signal, say }))
    throwIfAborted(options.signal)
  }

  say('Judging')
  const judgement = judge(
    {
      histories: folders.map((folder, index) =>
        historySubject(folder, traces[index]?.traced, releasedChanges(parser, folder.folder, project.changes)),
      ),
      surroundings: [...(surroundings?.judged ?? []), ...(database === undefined ? [] : liveSubjects(database))],
      unreadable: [...folders.flatMap((folder) => folder.unreadable), ...(surroundings?.unreadable ?? [])],
      ignores: [...folders.flatMap((folder) => folder.ignores), ...(surroundings?.ignores ?? [])],
      released: project.release.files,
    },
    rules,
    { major, today, all: options.all, knownRules: allRules.map((rule) => rule.id), only },
  )

  const concerns = (file: string) => only === undefined || only.has(file)
  const { findings } = judgement
  const counted = folders.flatMap((folder) =>
    folder.migrations.filter(({ migration }) => concerns(migration.path)).map(({ statements }) => statements.length),
  )
  const statements = counted.reduce((sum, n) => sum + n, 0)
  const notTraced = traces.flatMap((trace) => trace?.notTraced ?? []).filter(({ file }) => concerns(file))
  const server = traces.find((trace) => trace?.server !== undefined)?.server
  const report: CheckReport = {
    version: 1,
    kei: readVersion(),
    major,
    ...(server !== undefined && { server }),
    ...(database !== undefined && { database: checkedDatabase(database) }),
    folders: project.folders.map(({ path, layout, migrations }) => ({ path, layout, files: migrations.length })),
    summary: {
      errors: findings.filter((finding) => finding.severity === 'error').length,
      warnings: findings.filter((finding) => finding.severity === 'warning').length,
      notes: findings.filter((finding) => finding.severity === 'note').length,
      files: counted.length,
      statements,
      traced: options.trace ? statements - notTraced.length : 0,
      notTraced: options.trace ? notTraced.length : statements,
      releasedFindings: judgement.releasedFindings,
      ignored: judgement.ignoredFindings,
    },
    findings,
    ignored: judgement.ignored,
    unknown: judgement.unknown,
    notTraced,
    notices: [
      ...project.notices,
      ...(surroundings?.notices ?? []),
      ...(database === undefined ? [] : liveNotices(database, major, counted.length)),
      ...new Set(traces.flatMap((trace) => trace?.notices ?? [])),
    ],
  }
  return { report: redactReport(report), repeatable: traces.every((trace) => trace?.repeatable ?? true) }
}

/** The files that are judged; undefined: all. With a migration that was asked for goes its way back. */
function judgedFiles(
  { only, folders, staged, changes }: Project,
  { since }: CheckOptions,
  texts: ReadonlyMap<string, string>,
): ReadonlySet<string> | undefined {
  if (only !== undefined) {
    const asked = folders.flatMap(({ migrations }) => migrations).find(({ path }) => path === only)
    return new Set([only, ...(asked?.down === undefined ? [] : [asked.down.file])])
  }
  if (staged !== undefined) return staged.files
  if (since === undefined || changes.state !== 'known') return undefined
  return new Set([...changedFiles(changes, texts), ...changes.deleted.map(({ file }) => file)])
}

/** What of git decides a report. */
function gitParts({ changes }: Project): unknown {
  return changes.state === 'known' ? [changes.commit, changes.edited, changes.deleted] : changes.state
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted()
}
