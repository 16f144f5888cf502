import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startDurableServer } from './durable-server.ts'
import { machine, writeFigures } from './figures.ts'
import { largeCatalog, largeCatalogSql } from './large-catalog.ts'
import { measure, medianUsage } from './measure.ts'
import type { Usage } from './measure.ts'
import { numberOption } from './options.ts'
import { psqlProgram } from './peers.ts'
import { root } from './root.ts'

const database = 'large'
const rounds = numberOption('--rounds', 5)
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'kei-bench-'))
// As root, the server runs under another account, which must pass through to its folder.
chmodSync(scratch, 0o711)
const cacheFolder = folder('cache')
const server = startDurableServer(root, folder('server'), cacheFolder)
try {
  const report = benchmark()
  console.log(report)
  if (process.argv.includes('--write')) writeFigures('bench:catalog', report)
} finally {
  server.stop()
  rmSync(scratch, { recursive: true, force: true })
}

function benchmark(): string {
  makeDatabase()
  const project = folder('project')
  writeFileSync(join(project, 'kei.jsonc'), '{}\n')
  const { socketDirectory, port, superuser } = server
  const place = { PGHOST: socketDirectory, PGPORT: String(port), PGUSER: superuser, PGDATABASE: database }
  const url = `postgresql:///${database}?host=${socketDirectory}&port=${port}&user=${superuser}`
  const contenders = [
    {
      name: 'kei check --url',
      run: () =>
        measure({
          command: process.execPath,
          args: [join(root, 'bin/kei.js'), 'check', '--url', url, '--json'],
          cwd: project,
          env: { KEI_CACHE_DIR: cacheFolder },
          accepted: [0, 1],
          serverCpu: server.cpu,
        }),
    },
    {
      name: 'pg_dump --schema-only',
      run: () =>
        measure({
          // Of the same installation, so that it is not older than the server.
          command: join(dirname(psqlProgram(root)), 'pg_dump'),
          args: ['--schema-only'],
          cwd: project,
          env: place,
          accepted: [0],
          serverCpu: server.cpu,
        }),
    },
  ]
  const measured = contenders.map((): Usage[] => [])
  // Interleaved, so that what else the machine does falls on both alike.
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, run }] of contenders.entries()) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`)
      measured[index]?.push(run())
    }
  }
  const [kei, dump] = measured.map(medianUsage)
  if (kei === undefined || dump === undefined) throw new Error('nothing was measured')
  const row = (name: string, { wall, cpu, peak }: Usage) =>
    `| ${name} | ${wall.toFixed(2)} | ${cpu.toFixed(2)} | ${peak.toFixed(0)} | ${(wall / dump.wall).toFixed(2)} |`
  const target = (name: string, reach: string, value: number, limit: number, unit: string) =>
    `| ${name} | ${reach} | ${value.toFixed(2)} ${unit} | ${value < limit ? 'reached' : 'not reached'} |`
  const { tables, indexes, views, functions } = largeCatalog
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine()}. Medians of ${rounds} interleaved rounds.`,
    `${server.describe()}. ${tables} tables, ${indexes} indexes, ${views} views, ${functions} functions.`,
    '',
    '| Program | wall s | CPU s | peak MB | wall against pg_dump |',
    '|---|---:|---:|---:|---:|',
    row('kei check --url', kei),
    row('pg_dump --schema-only', dump),
    '',
    '| Target | Reach | Measured | |',
    '|---|---|---:|---|',
    target('kei check --url, wall', '< 5 s', kei.wall, 5, 's'),
    target('kei check --url, peak memory', '< 200 MB', kei.peak, 200, 'MB'),
  ].join('\n')
}

function makeDatabase(): void {
  process.stderr.write('making the database\n')
  server.sql('postgres', `CREATE DATABASE ${database}`)
  for (const text of largeCatalogSql()) server.sql(database, `BEGIN;\n${text}\nCOMMIT;`)
}

function folder(name: string): string {
  const path = join(scratch, name)
  mkdirSync(path)
  chmodSync(path, 0o711)
  return path
}
