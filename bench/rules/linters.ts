import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { loadParser } from '../../src/sql/parse.ts'
import { behaviourOf } from '../../src/sql/transactions.ts'
import type { RuleCase } from './case.ts'
import type { Answer, Flag } from './tool.ts'

const parser = await loadParser()

/** The folder where npm puts the peers; undefined when they are not installed. */
export function peerModules(root: string): string | undefined {
  const modules = join(root, 'bench/peers/node_modules')
  return existsSync(join(modules, '@squawk-cli')) ? modules : undefined
}

/** Writes each case's migration into a file of its own, by major (`17/create-index.sql`), and pgls's configuration. */
export function writeCases(folder: string, cases: readonly RuleCase[]): void {
  for (const one of cases) {
    mkdirSync(join(folder, String(one.major ?? 17)), { recursive: true })
    writeFileSync(join(folder, fileOf(one)), `${one.sql}\n`)
  }
  writeFileSync(join(folder, 'postgres-language-server.jsonc'), JSON.stringify(languageServerConfig))
}

function fileOf(one: RuleCase): string {
  return `${one.major ?? 17}/${one.id}.sql`
}

const languageServerConfig = {
  linter: { enabled: true, rules: { recommended: true, safety: { all: true } } },
  typecheck: { enabled: true },
  plpgsqlCheck: { enabled: false },
}

interface SquawkFinding {
  file: string
  message: string
  rule_name: string
}

/**
 * squawk, told the major and whether its runner opens a transaction, with the rules about timeouts that it leaves off
 * by itself.
 */
export async function askSquawk(
  modules: string,
  folder: string,
  cases: readonly RuleCase[],
): Promise<Map<RuleCase, Answer>> {
  const answers = new Map<RuleCase, Answer>()
  for (const [key, batch] of grouped(cases, (one) => `${one.major ?? 17} ${isWrapped(one)}`)) {
    const [major = '', wrapped] = key.split(' ')
    const { platform, arch } = process
    const output = await run(
      join(modules, `@squawk-cli/${platform}-${arch}/bin/squawk`),
      [
        ...['--reporter', 'json', '--pg-version', major, '--include', 'require-timeout-settings'],
        ...(wrapped === 'true' ? ['--assume-in-transaction'] : []),
        ...batch.map(fileOf),
      ],
      folder,
    )
    const findings = JSON.parse(output) as SquawkFinding[]
    for (const one of batch) {
      const own = findings.filter(({ file }) => basename(file) === basename(fileOf(one)))
      const [errors, flags] = split(own, ({ rule_name }) => rule_name === 'syntax-error')
      answers.set(one, {
        findings: flags.map(({ rule_name }) => ({ rule: rule_name, isMild: false })),
        notUnderstood: errors.map(({ message }) => message),
        undecided: [],
      })
    }
  }
  return answers
}

interface LanguageServerReport {
  diagnostics: { message: string; category: string; location: { path: string } }[]
}

/** postgres-language-server with all safety rules, without a database. */
export async function askLanguageServer(
  modules: string,
  folder: string,
  cases: readonly RuleCase[],
): Promise<Map<RuleCase, Answer>> {
  const report = await languageServer(modules, folder, ['--disable-db', ...cases.map(fileOf)], {})
  return new Map(cases.map((one) => [one, answerIn(report, one)]))
}

export interface DatabaseAddress {
  host: string
  port: number
  user: string
  password: string
  database: string
}

/** postgres-language-server for one case, connected to the database in which its setup has run. */
export async function askConnectedLanguageServer(
  modules: string,
  folder: string,
  one: RuleCase,
  server: DatabaseAddress,
): Promise<Answer> {
  const report = await languageServer(modules, folder, [fileOf(one)], {
    PGHOST: server.host,
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSWORD: server.password,
    PGDATABASE: server.database,
  })
  return answerIn(report, one)
}

async function languageServer(
  modules: string,
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<LanguageServerReport> {
  const { platform, arch } = process
  const machine = `${arch === 'arm64' ? 'aarch64' : 'x86_64'}-${platform === 'darwin' ? 'apple-darwin' : 'linux-gnu'}`
  const program = join(modules, `@postgres-language-server/cli-${machine}/postgres-language-server`)
  const output = await run(program, ['check', '--max-diagnostics=none', '--reporter=json', ...args], folder, env)
  return JSON.parse(output.slice(0, output.lastIndexOf('}') + 1)) as LanguageServerReport
}

function answerIn({ diagnostics }: LanguageServerReport, one: RuleCase): Answer {
  const own = diagnostics.filter(({ location }) => basename(location.path) === basename(fileOf(one)))
  const [errors, flags] = split(own, ({ category }) => category === 'syntax')
  return {
    findings: flags.map(({ category }) => ({ rule: category.replace('lint/safety/', ''), isMild: false })),
    notUnderstood: errors.map(({ message }) => message),
    undecided: [],
  }
}

interface PgfenceReport {
  checks: { ruleId: string; risk: string }[]
  policyViolations: { ruleId: string }[]
  extractionWarnings?: { message: string }[]
}

/**
 * pgfence, told the major. Its program gives up at the first file that it cannot parse, so its analyser is called for
 * each file by itself. What it rates as safe is no finding, what it rates as low is mild.
 */
export async function askPgfence(
  modules: string,
  folder: string,
  cases: readonly RuleCase[],
): Promise<Map<RuleCase, Answer>> {
  const { analyze } = (await import(join(modules, '@flvmnt/pgfence/dist/analyzer.js'))) as {
    analyze: (files: string[], config: object) => Promise<PgfenceReport[]>
  }
  const answers = new Map<RuleCase, Answer>()
  for (const one of cases) {
    const config = {
      format: 'sql',
      output: 'json',
      minPostgresVersion: one.major ?? 17,
      maxAllowedRisk: 'high',
      requireLockTimeout: true,
      requireStatementTimeout: true,
    }
    try {
      const [report] = await analyze([join(folder, fileOf(one))], config)
      const checks = (report?.checks ?? []).filter(({ risk }) => risk.toLowerCase() !== 'safe')
      const flags: Flag[] = checks.map(({ ruleId, risk }) => ({ rule: ruleId, isMild: risk.toLowerCase() === 'low' }))
      const policies = (report?.policyViolations ?? []).map(({ ruleId }) => ({ rule: ruleId, isMild: false }))
      const warnings = (report?.extractionWarnings ?? []).map(({ message }) => message)
      answers.set(one, { findings: [...flags, ...policies], notUnderstood: warnings, undecided: [] })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      answers.set(one, { findings: [], notUnderstood: [message], undecided: [] })
    }
  }
  return answers
}

/** Whether the runner puts the whole file into one transaction that the file does not write itself. */
function isWrapped(one: RuleCase): boolean {
  if (one.runner !== undefined && one.runner !== 'grouped') return one.runner === 'transaction'
  const parsed = parser.parse(one.sql)
  return parsed.kind === 'parsed' && parsed.statements.every((statement) => behaviourOf(statement) === 'inside')
}

/** The exact versions of the peers, as npm installed them. */
export function peerVersions(modules: string): string {
  const packages = { squawk: 'squawk-cli', pgfence: '@flvmnt/pgfence', pgls: '@postgres-language-server/cli' }
  return Object.entries(packages)
    .map(([name, folder]) => {
      const manifest = readFileSync(join(modules, folder, 'package.json'), 'utf8')
      return `${name} ${(JSON.parse(manifest) as { version: string }).version}`
    })
    .join(', ')
}

/** What a program prints, whatever its exit code: a finding is one, and what counts is the report. */
function run(program: string, args: readonly string[], cwd: string, env = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1e8 }
    execFile(program, args, options, (error, stdout) => {
      if (error !== null && stdout === '') reject(error)
      else resolve(stdout)
    })
  })
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

function split<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}
