import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../config/cache-folder.ts'
import type { PostgresMajor } from '../config/config.ts'
import { interrupted } from '../errors.ts'
import type { Severity } from '../findings/finding.ts'
import type { CheckReport } from '../findings/report.ts'
import { findProject } from '../project/discover.ts'
import type { Project } from '../project/discover.ts'
import { readVersion } from '../version.ts'
import { openResultCache } from './result-cache.ts'
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
  /** Aborting it cancels the running statement on the shadow and rejects the check. */
  signal?: AbortSignal
  /** Called with what is going on. */
  onProgress?: (text: string) => void
}

export interface CheckResult {
  report: CheckReport
  /** What kei.jsonc says, else `warning`. */
  failOn: Severity
  /** The decoded text of a migration that was checked. */
  textOf(file: string): string | undefined
}

/**
 * Judges the migrations of a project. Reads files, runs the history on a throw-away server unless told not to, and
 * writes nothing but kei's cache.
 * @throws KeiError of `findProject`, and `interrupted` when the signal aborts.
 */
export async function checkProject(options: CheckOptions): Promise<CheckResult> {
  const project = await findProject(options.path, options.workingDirectory)
  const major = options.postgresMajor ?? project.config.postgres.major
  const migrations = project.folders.flatMap((folder) => folder.migrations)
  // In this order: the text of a goose file is that of both its sections.
  const texts = new Map([
    ...migrations.flatMap(({ down }) => (down === undefined ? [] : [[down.file, down.text] as const])),
    ...migrations.map(({ path, text }) => [path, text] as const),
  ])
  const cache = openResultCache(cacheFolder(), await resultParts(project, major, options))
  const cached = cache.read()
  if (cached !== undefined) return { report: cached, failOn: project.config.failOn, textOf: (file) => texts.get(file) }
  const { report, repeatable } = await judgeProject(project, major, options)
  if (repeatable) cache.write(report)
  return { report, failOn: project.config.failOn, textOf: (file) => texts.get(file) }
}

/** All that decides a report, as texts: when none of it changed, neither has the report. */
async function resultParts(project: Project, major: PostgresMajor, options: CheckOptions): Promise<string[]> {
  const { config } = project
  const parts = [
    'kei check 2',
    readVersion(),
    // A checkout that is built again has the same version but other rules.
    String(statSync(fileURLToPath(import.meta.url)).mtimeMs),
    JSON.stringify({
      root: project.root,
      only: project.only,
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
    parts.push(JSON.stringify([folder.layout, folder.path, folder.unreadable, folder.code]))
    for (const { path, up, down, released, text } of folder.migrations) {
      parts.push(path, `${up.mode} ${up.start} ${released}`, text)
      if (down !== undefined && !released) parts.push(down.file, `${down.mode} ${down.start}`, down.text)
    }
  }
  return parts
}

/** `repeatable` is false when time, memory or disk decided what a trace showed: such a report is not kept. */
async function judgeProject(
  project: Project,
  major: PostgresMajor,
  options: CheckOptions,
): Promise<{ report: CheckReport; repeatable: boolean }> {
  const say = options.onProgress ?? (() => undefined)
  const { loadParser } = await import('../sql/parse.ts')
  const { allRules } = await import('../rules/registry.ts')
  const { enableRules } = await import('./rule-settings.ts')
  const { parseFolder, historySubject } = await import('./read-folder.ts')
  const { judge } = await import('./judge.ts')
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
  const only = filesAsked(project)
  const judgement = judge(
    {
      histories: folders.map((folder, index) => historySubject(folder, traces[index]?.traced)),
      unreadable: folders.flatMap((folder) => folder.unreadable),
      ignores: folders.flatMap((folder) => folder.ignores),
      released: project.release.files,
    },
    rules,
    { major, all: options.all, knownRules: allRules.map((rule) => rule.id), only },
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
    notices: [...project.notices, ...new Set(traces.flatMap((trace) => trace?.notices ?? []))],
  }
  return { report: redactReport(report), repeatable: traces.every((trace) => trace?.repeatable ?? true) }
}

/** With a migration that was asked for goes its way back. */
function filesAsked({ only, folders }: Project): ReadonlySet<string> | undefined {
  if (only === undefined) return undefined
  const asked = folders.flatMap(({ migrations }) => migrations).find(({ path }) => path === only)
  return new Set([only, ...(asked?.down === undefined ? [] : [asked.down.file])])
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interrupted()
}
