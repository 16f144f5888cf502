import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nextMigration, writeCorpus } from './corpus.ts'
import { machine, writeFigures } from './figures.ts'
import { medianUsage, measure } from './measure.ts'
import type { Usage } from './measure.ts'
import { numberOption } from './options.ts'
import { peers, psqlProgram, squawkNames } from './peers.ts'
import { root } from './root.ts'
import { serverCpu, shadowServers, stopServers } from './shadow-server.ts'

const kei = join(root, 'bin/kei.js')

/** One program on one task; `run` gives what it took. `before` is not measured. */
interface Contender {
  task: string
  name: string
  before?: (round: number) => void
  run: (round: number) => Usage
}

const names = {
  cold: 'kei check --no-trace, cold',
  cached: 'kei check --no-trace, cached',
  trace: 'kei check, no trace in the cache, server running',
  psql: 'psql, one session, on the same server',
  oneMore: 'kei check, one new file',
  version: 'kei --version',
  oneFile: 'kei check --no-trace',
  bareNode: 'node -e 0',
}

const rounds = numberOption('--rounds', 5)
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'kei-bench-'))
// As root, kei's server runs under another account, which must pass through to the cache.
chmodSync(scratch, 0o711)
const caches: string[] = []
try {
  const report = benchmark()
  console.log(report)
  if (process.argv.includes('--write')) writeFigures('bench:check', report)
} finally {
  for (const cache of caches) await stopServers(cache)
  rmSync(scratch, { recursive: true, force: true })
}

function benchmark(): string {
  const large = folder('large')
  const history = folder('history')
  const single = folder('single')
  const largeCorpus = writeCorpus(large.migrations, 2000)
  const historyCorpus = writeCorpus(history.migrations, 500)
  writeCorpus(single.migrations, 1)

  const contenders = [...largeContenders(large), ...historyContenders(history), ...startContenders(single)]
  const measured = contenders.map((): Usage[] => [])
  // Interleaved, so that what else the machine does falls on all of them alike.
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${contender.task}, ${contender.name}\n`)
      contender.before?.(round)
      measured[index]?.push(contender.run(round))
    }
  }
  const results = contenders.map(({ task, name }, index) => {
    return { task, name, usage: medianUsage(measured[index] ?? []) }
  })
  const usageOf = (name: string): Usage => results.find((result) => result.name === name)?.usage ?? missing(name)
  const describe = (corpus: { files: number; statements: number; bytes: number }): string =>
    `${corpus.files} files, ${corpus.statements} statements, ${(corpus.bytes / 1e6).toFixed(2)} MB`

  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine()}. Medians of ${rounds} interleaved rounds.`,
    `Large: ${describe(largeCorpus)}. History: ${describe(historyCorpus)}.`,
    '',
    '| Task | Program | wall s | CPU s | peak MB |',
    '|---|---|---:|---:|---:|',
    ...results.map(({ task, name, usage }) => {
      const figures = [usage.wall.toFixed(3), usage.cpu.toFixed(2), usage.peak.toFixed(0)]
      return `| ${task} | ${name} | ${figures.join(' | ')} |`
    }),
    '',
    '| Target | Reach | Measured | |',
    '|---|---|---:|---|',
    ...targets(usageOf),
  ].join('\n')
}

function targets(usageOf: (name: string) => Usage): string[] {
  const squawk = usageOf(squawkNames.installed)
  const bare = usageOf(squawkNames.bare)
  const cold = usageOf(names.cold)
  const cached = usageOf(names.cached)
  const row = (target: string, reach: string, value: number, limit: number, unit: string): string =>
    `| ${target} | ${reach} | ${value.toFixed(2)} ${unit} | ${value <= limit ? 'reached' : 'not reached'} |`
  const milliseconds = (name: string): number => (usageOf(name).wall - usageOf(names.bareNode).wall) * 1000
  return [
    row('no trace, cold, CPU', '≤ 2.5 × squawk as npm installs it', cold.cpu / squawk.cpu, 2.5, '×'),
    row('no trace, cold, CPU', '≤ 2.5 × its bare binary', cold.cpu / bare.cpu, 2.5, '×'),
    row('no trace, cached, wall', '≤ 0.6 × squawk as npm installs it', cached.wall / squawk.wall, 0.6, '×'),
    row('no trace, cached, wall', '≤ 0.6 × its bare binary', cached.wall / bare.wall, 0.6, '×'),
    row('no trace, peak memory', '< 250 MB', Math.max(cold.peak, cached.peak), 250, 'MB'),
    row('trace of 500 files, cold, wall', '≤ 3 × psql', usageOf(names.trace).wall / usageOf(names.psql).wall, 3, '×'),
    row('one new file on a history of 500, wall', '< 1 s', usageOf(names.oneMore).wall, 1, 's'),
    row('kei --version over bare node', '≤ 40 ms', milliseconds(names.version), 40, 'ms'),
    row('check --no-trace of one file over bare node', '≤ 400 ms', milliseconds(names.oneFile), 400, 'ms'),
  ]
}

/** Everything over the 2,000 files. */
function largeContenders({ project, migrations }: Folder): Contender[] {
  const task = '2,000 files'
  const cached = newCache()
  const traced = newCache()
  check(project, cached, ['--no-trace'])
  check(project, traced, [])
  const files = readdirSync(migrations).map((file) => join('migrations', file))
  return [
    { task, name: names.cold, run: () => check(project, newCache(), ['--no-trace']) },
    { task, name: names.cached, run: () => check(project, cached, ['--no-trace']) },
    { task, name: 'kei check, cold (with initdb and server start)', run: () => check(project, newCache(), [], 5) },
    { task, name: 'kei check, cached', run: () => check(project, traced, []) },
    ...peers(root, files).map(({ name, command, args, accepted }) => ({
      task,
      name,
      run: () => measure({ command, args, accepted, cwd: project }),
    })),
  ]
}

/** The trace of 500 files and of one more, with psql on the same server. */
function historyContenders({ project, migrations }: Folder): Contender[] {
  const keiCache = newCache()
  check(project, keiCache, [])
  const files = readdirSync(migrations).sort()
  const first = join(migrations, files[0] ?? missing('a migration'))
  const text = readFileSync(first, 'utf8')
  const more = nextMigration(500)
  return [
    {
      task: '500 files',
      name: names.trace,
      before: (round) => {
        // The first file decides every prefix, so nothing traced before can be used; what else is kept goes too.
        writeFileSync(first, `-- round ${round}\n${text}`)
        forgetAllButServers(keiCache)
      },
      run: () => check(project, keiCache, []),
    },
    {
      task: '500 files',
      name: names.psql,
      run: (round) => runPsql(keiCache, migrations, files, round),
    },
    {
      task: '500 files',
      name: names.oneMore,
      before: (round) => writeFileSync(join(migrations, more.file), `-- round ${round}\n${more.text}`),
      run: () => {
        const usage = check(project, keiCache, [])
        unlinkSync(join(migrations, more.file))
        return usage
      },
    },
  ]
}

function startContenders({ project }: Folder): Contender[] {
  const task = 'start-up'
  const keiCache = newCache()
  const node = (name: string, args: readonly string[], accepted: readonly number[]): Contender => ({
    task,
    name,
    run: () => {
      const runs = Array.from({ length: 9 }, () =>
        measure({ command: process.execPath, args, accepted, cwd: project, env: { KEI_CACHE_DIR: keiCache } }),
      )
      return medianUsage(runs)
    },
  })
  return [
    node(names.bareNode, ['-e', '0'], [0]),
    node(names.version, [kei, '--version'], [0]),
    { task, name: names.oneFile, run: () => check(project, newCache(), ['--no-trace']) },
  ]
}

/** All files in one psql session, each statement by itself, into a new database. */
function runPsql(keiCache: string, migrations: string, files: readonly string[], round: number): Usage {
  const server = shadowServers(keiCache)[0] ?? missing('a running shadow server')
  const database = `bench_${round}`
  const env = { PGHOST: server.socketDirectory, PGUSER: server.user, PGPASSWORD: server.password }
  const call = [psqlProgram(root), '-X', '-q', '-v', 'ON_ERROR_STOP=1'] as const
  const admin = (sql: string): void => {
    execFileSync(call[0], [...call.slice(1), '-d', 'postgres', '-c', sql], { env: { ...process.env, ...env } })
  }
  admin(`CREATE DATABASE ${database}`)
  const usage = measure({
    command: call[0],
    args: [...call.slice(1), '-d', database, ...files.flatMap((file) => ['-f', file])],
    accepted: [0],
    cwd: migrations,
    env,
    serverCpu: () => serverCpu(keiCache),
  })
  admin(`DROP DATABASE ${database}`)
  return usage
}

/** Runs `kei check`; a server that it starts stays up for `idle` seconds afterwards. */
function check(project: string, keiCache: string, options: readonly string[], idle = 1200): Usage {
  return measure({
    command: process.execPath,
    args: [kei, 'check', '--reporter', 'json', ...options],
    accepted: [0, 1],
    cwd: project,
    env: { KEI_CACHE_DIR: keiCache, KEI_SHADOW_IDLE: String(idle) },
    serverCpu: () => serverCpu(keiCache),
  })
}

interface Folder {
  project: string
  migrations: string
}

function folder(name: string): Folder {
  const project = join(scratch, name)
  return { project, migrations: join(project, 'migrations') }
}

/** A new, empty cache folder of kei's. */
function newCache(): string {
  const path = mkdtempSync(join(scratch, 'cache-'))
  caches.push(path)
  return path
}

/** Empties a cache folder but for what the running server stands on. */
function forgetAllButServers(keiCache: string): void {
  for (const entry of readdirSync(keiCache)) {
    if (!['servers', 'bases', 'clusters'].includes(entry)) rmSync(join(keiCache, entry), { recursive: true })
  }
}

function missing(what: string): never {
  throw new Error(`${what} is missing`)
}
