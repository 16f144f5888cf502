import {
  chmodSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { startDurableServer } from './durable-server.ts'
import { machine, writeFigures } from './figures.ts'
import { measure, medianUsage } from './measure.ts'
import type { Usage } from './measure.ts'
import { namesOption, numberOption } from './options.ts'
import { root } from './root.ts'
import { runnerNames, runners } from './runners.ts'
import type { Address, Call, Runner } from './runners.ts'
import { smallHistory } from './small-history.ts'
import type { SmallHistory } from './small-history.ts'

/** One program on one task; `before` and `after` are not measured. */
interface Contender {
  task: string
  name: string
  before?: (round: number) => void
  run: (round: number) => Usage
  after?: (round: number) => void
}

interface Result {
  task: string
  name: string
  usage: Usage
}

const tasks = {
  empty: '500 files, empty database',
  nothing: 'up, 5,000 applied, none pending',
  status: 'status, 5,000 applied',
  node: 'start-up',
}
const bareNode = 'node -e 0'

const rounds = numberOption('--rounds', 5)
const only = namesOption('--only', Object.values(runnerNames))
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'kei-bench-'))
// As root, the server runs under another account, which must pass through to its folder.
chmodSync(scratch, 0o711)
const cacheFolder = folder('cache')
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())

const server = startDurableServer(root, folder('server'), cacheFolder)
try {
  const report = await benchmark()
  console.log(report)
  if (process.argv.includes('--write')) writeFigures('bench:migrate', report)
} finally {
  server.stop()
  rmSync(scratch, { recursive: true, force: true })
}

async function benchmark(): Promise<string> {
  // It would look at each of the databases in turn, in whatever is being measured then.
  server.sql('postgres', 'ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()')
  const chosen = runners(root, cacheFolder).filter(({ name }) => only.includes(name))
  const present = chosen.filter(({ needs }) => needs === undefined || existsSync(needs.path))
  const absent = chosen.filter((runner) => !present.includes(runner))
  const short = smallHistory(500)
  const long = smallHistory(5000)

  const contenders = [startContender(), ...present.map((runner) => emptyContender(runner, short))]
  for (const runner of present.filter((runner) => runner.long)) {
    contenders.push(...appliedContenders(runner, long))
    await stopIfInterrupted()
  }
  const measured = contenders.map((): Usage[] => [])
  // Interleaved, so that what else the machine does falls on all of them alike.
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${contender.task}, ${contender.name}\n`)
      contender.before?.(round)
      measured[index]?.push(contender.run(round))
      contender.after?.(round)
      await stopIfInterrupted()
    }
  }
  const results = contenders.map(({ task, name }, index) => ({
    task,
    name,
    usage: medianUsage(measured[index] ?? []),
  }))

  const describe = ({ migrations, statements, bytes }: SmallHistory): string =>
    `${migrations.length} files, ${statements} statements, ${(bytes / 1e6).toFixed(2)} MB`
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine()}. Medians of ${rounds} interleaved rounds.`,
    `${server.describe()}; the disk takes ${diskSync().toFixed(2)} ms to write 8 kB for good.`,
    `Empty: ${describe(short)}. Applied: ${describe(long)}.`,
    ...absent.map(({ name, needs }) => `Left out: ${name}, which is not there (\`${needs?.from}\`).`),
    '',
    ...table(results),
    '',
    '| Target | Reach | Measured | |',
    '|---|---|---:|---|',
    ...targets(results),
  ].join('\n')
}

/** `ratio` is to kei's wall time in the same task. */
function table(results: readonly Result[]): string[] {
  const rows = results.map(({ task, name, usage }) => {
    const own = results.find((result) => result.task === task && result.name === runnerNames.kei)
    const ratio = own === undefined ? '–' : (usage.wall / own.usage.wall).toFixed(2)
    return `| ${task} | ${name} | ${usage.wall.toFixed(3)} | ${ratio} | ${usage.cpu.toFixed(2)} | ${usage.peak.toFixed(0)} |`
  })
  return ['| Task | Program | wall s | × kei | CPU s | peak MB |', '|---|---|---:|---:|---:|---:|', ...rows]
}

/** What issue 3 wants; a target whose programs did not run is not shown. */
function targets(results: readonly Result[]): string[] {
  const usageOf = (task: string, name: string): Usage | undefined =>
    results.find((result) => result.task === task && result.name === name)?.usage
  const row = (target: string, reach: string, value: number | undefined, limit: number, unit: string): string[] =>
    value === undefined
      ? []
      : [`| ${target} | ${reach} | ${value.toFixed(2)} ${unit} | ${value <= limit ? 'reached' : 'not reached'} |`]
  const ratio = (one?: Usage, other?: Usage): number | undefined => one && other && one.wall / other.wall
  const over = (one?: Usage, other?: Usage): number | undefined => one && other && (one.wall - other.wall) * 1000

  const empty = usageOf(tasks.empty, runnerNames.kei)
  const nothing = usageOf(tasks.nothing, runnerNames.kei)
  const status = usageOf(tasks.status, runnerNames.kei)
  const node = usageOf(tasks.node, bareNode)
  return [
    ...row(`${tasks.empty}, wall`, '≤ 0.6 × dbmate', ratio(empty, usageOf(tasks.empty, runnerNames.dbmate)), 0.6, '×'),
    ...row(`${tasks.empty}, wall`, '≤ 1.6 × psql', ratio(empty, usageOf(tasks.empty, runnerNames.psql)), 1.6, '×'),
    ...row(`${tasks.nothing}, over bare node`, '≤ 200 ms', over(nothing, node), 200, 'ms'),
    ...row(`${tasks.empty}, peak memory`, '< 120 MB', empty?.peak, 120, 'MB'),
    ...row(`${tasks.nothing}, peak memory`, '< 120 MB', nothing?.peak, 120, 'MB'),
    ...row(`${tasks.status}, peak memory`, '< 120 MB', status?.peak, 120, 'MB'),
  ]
}

function startContender(): Contender {
  const call = { command: process.execPath, args: ['-e', '0'] }
  return { task: tasks.node, name: bareNode, run: () => medianOfMany(() => measureCall(call, scratch)) }
}

/**
 * All of a history, each time in a new database. None is dropped before the end: ext4 avoids the inodes of files that
 * were removed in the last five minutes, and looks so long for others that the next run takes twice its time.
 */
function emptyContender(runner: Runner, history: SmallHistory): Contender {
  const project = folder(`empty-${runner.name}`)
  runner.write(project, history.migrations)
  const at = (round: number): Address => addressOf(`empty_${runner.name}_${round}`)
  return {
    task: tasks.empty,
    name: runner.name,
    before: (round) => createDatabase(at(round)),
    run: (round) => measureCall(runner.up(at(round), project), project),
    after: (round) => checkApplied(runner, at(round), history),
  }
}

/** `up` and `status` where the whole history has been applied, which is done here, once. */
function appliedContenders(runner: Runner, history: SmallHistory): Contender[] {
  const project = folder(`applied-${runner.name}`)
  const at = addressOf(`applied_${runner.name}`)
  runner.write(project, history.migrations)
  createDatabase(at)
  process.stderr.write(`applying ${history.migrations.length} files: ${runner.name} …`)
  const { wall } = measureCall(runner.up(at, project), project)
  process.stderr.write(` ${wall.toFixed(1)} s\n`)
  checkApplied(runner, at, history)
  const contender = (task: string, call: Call): Contender => ({
    task,
    name: runner.name,
    run: () => medianOfMany(() => measureCall(call, project)),
  })
  const status = runner.status?.(at)
  return [
    contender(tasks.nothing, runner.up(at, project)),
    ...(status === undefined ? [] : [contender(tasks.status, status)]),
  ]
}

function measureCall({ command, args, env }: Call, project: string): Usage {
  return measure({ command, args, cwd: project, accepted: [0], serverCpu: server.cpu, ...(env && { env }) })
}

/** For runs of a few hundredths of a second. */
function medianOfMany(run: () => Usage): Usage {
  return medianUsage(Array.from({ length: 5 }, run))
}

/** A checkpoint, so that none that another run has brought about falls into what is measured. */
function createDatabase({ database }: Address): void {
  server.sql('postgres', `CREATE DATABASE "${database}"; CHECKPOINT`)
}

/**
 * Looks whether a program did what was asked.
 * @throws Error when a table, an index or a function is missing.
 */
function checkApplied(runner: Runner, { database }: Address, { objects }: SmallHistory): void {
  const names = `unnest('{${objects.join(',')}}'::text[]) AS name`
  const found = server.sql(
    database,
    `SELECT count(*) FROM ${names} WHERE to_regclass(name) IS NOT NULL OR to_regproc(name) IS NOT NULL`,
  )
  if (found !== String(objects.length)) {
    throw new Error(`${runner.name} left ${found} of ${objects.length} tables, indexes and functions`)
  }
}

/** Milliseconds (median of 201) to append a page of the write-ahead log to a file and sync it, as a commit does. */
function diskSync(): number {
  const path = join(scratch, 'page')
  const file = openSync(path, 'w')
  const page = Buffer.alloc(8192, 1)
  const times = Array.from({ length: 201 }, () => {
    const started = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return performance.now() - started
  })
  closeSync(file)
  return times.sort((a, b) => a - b)[100] ?? NaN
}

function addressOf(database: string): Address {
  const { socketDirectory, port, superuser: user } = server
  return { socketDirectory, port, user, database }
}

function folder(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path)
  return path
}

/** A signal is heard between two runs: while one goes on, this process only waits. */
async function stopIfInterrupted(): Promise<void> {
  await setImmediate()
  interrupted.signal.throwIfAborted()
}
