import { execFileSync } from 'node:child_process'
import { psqlProgram } from './peers.ts'
import { cpuOfServers } from './server-cpu.ts'

/** A PostgreSQL that waits for the disk at every commit, as those that people migrate do. */
export interface DurableServer {
  socketDirectory: string
  port: number
  superuser: string
  /** Its version, and its settings that decide what a commit costs. */
  describe: () => string
  /** Runs SQL in a database and gives what it answers: no header, columns between `|`. */
  sql: (database: string, text: string) => string
  /** Seconds of CPU that it has used so far. */
  cpu: () => number
  stop: () => void
}

/**
 * Makes and starts kei's development server (PostgreSQL 17, on a unix socket only, fsync on, else as initdb made it) in
 * the folder `project`. As root it runs as `nobody`, who must be able to pass through to that folder.
 * @param root The repository's folder.
 * @param cacheFolder KEI_CACHE_DIR for it.
 */
export function startDurableServer(root: string, project: string, cacheFolder: string): DurableServer {
  const kei = (...args: string[]): string =>
    execFileSync(process.execPath, [`${root}/bin/kei.js`, 'pg', ...args], {
      cwd: project,
      env: { ...process.env, KEI_CACHE_DIR: cacheFolder },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const { socketDirectory, port, pid } = JSON.parse(kei('start', '--json')) as {
    socketDirectory: string
    port: number
    pid: number
  }
  const superuser = 'postgres'
  const sql = (database: string, text: string): string =>
    execFileSync(psqlProgram(root), ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database], {
      env: { ...process.env, PGHOST: socketDirectory, PGPORT: String(port), PGUSER: superuser },
      // On standard input each statement is by itself, and as long as it likes.
      input: text,
      encoding: 'utf8',
    }).trim()
  const show = (name: string): string => sql('postgres', `SHOW ${name}`)
  return {
    socketDirectory,
    port,
    superuser,
    describe: () => {
      const settings = ['fsync', 'synchronous_commit', 'wal_sync_method'].map((name) => `${name} = ${show(name)}`)
      return `PostgreSQL ${show('server_version')}, ${settings.join(', ')}`
    },
    sql,
    cpu: () => cpuOfServers([pid]),
    stop: () => void kei('stop'),
  }
}
