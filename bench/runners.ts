import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { psqlProgram } from './peers.ts'
import type { SmallMigration } from './small-history.ts'

/** Where a database is. */
export interface Address {
  socketDirectory: string
  port: number
  user: string
  database: string
}

/** How to start a program. */
export interface Call {
  command: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
}

/** A program that applies migrations; it is called in a project's folder, which has them in `migrations`. */
export interface Runner {
  name: string
  /** What has to be there, and the command that brings it. */
  needs?: { path: string; from: string }
  /** Writes a history into the project in the layout of this program. */
  write: (project: string, history: readonly SmallMigration[]) => void
  /** Applies what is pending. */
  up: (at: Address, project: string) => Call
  /** Says what is applied and what is pending; not every program can. */
  status?: (at: Address) => Call
  /** Whether it can apply thousands of migrations and knows afterwards that it did. */
  long: boolean
}

/** What `--only` calls them. */
export const runnerNames = {
  kei: 'kei',
  psql: 'psql',
  dbmate: 'dbmate',
  nodePgMigrate: 'node-pg-migrate',
  nodePgMigrateByFile: 'node-pg-migrate-by-file',
  goose: 'goose',
  sqlx: 'sqlx-cli',
  atlas: 'atlas',
} as const

/**
 * kei, psql as the floor, and the rivals. All connect through the unix socket and run as they do by themselves, but for
 * what is in the rivals' favour: dbmate dumps no schema, node-pg-migrate does not echo the SQL, nobody asks for a newer
 * version of itself, and no launcher of npm's is between.
 * @param root The repository's folder.
 * @param cacheFolder KEI_CACHE_DIR for kei.
 */
export function runners(root: string, cacheFolder: string): Runner[] {
  return [
    kei(root, cacheFolder),
    psql(root),
    dbmate(root),
    // By itself it takes one transaction for everything: one commit, and more locks than a server has room for when
    // the history is long.
    nodePgMigrate(root, runnerNames.nodePgMigrate, ['--single-transaction'], false),
    nodePgMigrate(root, runnerNames.nodePgMigrateByFile, ['--no-single-transaction'], true),
    goose(root),
    sqlx(root),
    atlas(root),
  ]
}

function kei(root: string, cacheFolder: string): Runner {
  const call = (command: string, at: Address): Call => ({
    command: process.execPath,
    args: [join(root, 'bin/kei.js'), 'migrate', command, '--url', urlOf(at)],
    env: { KEI_CACHE_DIR: cacheFolder },
  })
  return {
    name: runnerNames.kei,
    write: (project, history) => {
      for (const { version, name, up, down } of history) {
        put(project, `${version}_${name}.sql`, up)
        put(project, `${version}_${name}.down.sql`, down)
      }
    },
    up: (at) => call('up', at),
    status: (at) => call('status', at),
    long: true,
  }
}

/** One session, one `-f` for each file, every statement by itself. */
function psql(root: string): Runner {
  return {
    name: runnerNames.psql,
    write: putUpSections,
    up: (at, project) => {
      const files = readdirSync(join(project, 'migrations')).sort()
      return {
        command: psqlProgram(root),
        args: [
          ...['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', urlOf(at)],
          ...files.flatMap((file) => ['-f', `migrations/${file}`]),
        ],
      }
    },
    long: false,
  }
}

function dbmate(root: string): Runner {
  const needs = {
    path: join(root, `bench/peers/node_modules/@dbmate/${process.platform}-${process.arch}/bin/dbmate`),
    from: fromNpm,
  }
  const call = (command: string, at: Address): Call => ({
    command: needs.path,
    args: ['--migrations-dir', 'migrations', '--no-dump-schema', command],
    env: { DATABASE_URL: urlOf(at) },
  })
  return {
    name: runnerNames.dbmate,
    needs,
    write: (project, history) => {
      for (const { version, name, up, down } of history) {
        put(project, `${version}_${name}.sql`, `-- migrate:up\n${up}\n-- migrate:down\n${down}`)
      }
    },
    up: (at) => call('migrate', at),
    status: (at) => call('status', at),
    long: true,
  }
}

/** It has no command that shows the status. */
function nodePgMigrate(root: string, name: string, options: readonly string[], long: boolean): Runner {
  const path = join(root, 'bench/peers/node_modules/node-pg-migrate/bin/node-pg-migrate.js')
  return {
    name,
    needs: { path, from: fromNpm },
    write: (project, history) => {
      for (const { version, name, up, down } of history) {
        // Its UTC prefix goes down to the millisecond.
        put(project, `${version}000_${name}.sql`, `-- Up Migration\n${up}\n-- Down Migration\n${down}`)
      }
    },
    up: (at) => ({
      command: process.execPath,
      args: [path, 'up', '--no-verbose', ...options],
      env: { DATABASE_URL: urlOf(at) },
    }),
    long,
  }
}

function goose(root: string): Runner {
  const needs = builtProgram(root, 'goose')
  const call = (command: string, at: Address): Call => ({
    command: needs.path,
    args: ['-dir', 'migrations', 'postgres', urlOf(at), command],
  })
  return {
    name: runnerNames.goose,
    needs,
    write: (project, history) => {
      for (const { version, name, up, down, plpgsql } of history) {
        const section = plpgsql ? `-- +goose StatementBegin\n${up}-- +goose StatementEnd\n` : up
        put(project, `${version}_${name}.sql`, `-- +goose Up\n${section}\n-- +goose Down\n${down}`)
      }
    },
    up: (at) => call('up', at),
    status: (at) => call('status', at),
    long: true,
  }
}

function sqlx(root: string): Runner {
  const needs = builtProgram(root, 'sqlx')
  const call = (command: string, at: Address): Call => ({
    command: needs.path,
    args: ['migrate', command, '--source', 'migrations', '--no-dotenv'],
    // It knows a socket only in the place of the host.
    env: { DATABASE_URL: `postgres://${at.user}@${encodeURIComponent(at.socketDirectory)}:${at.port}/${at.database}` },
  })
  return {
    name: runnerNames.sqlx,
    needs,
    write: (project, history) => {
      for (const { version, name, up, down } of history) {
        put(project, `${version}_${name}.up.sql`, up)
        put(project, `${version}_${name}.down.sql`, down)
      }
    },
    up: (at) => call('run', at),
    status: (at) => call('info', at),
    long: true,
  }
}

function atlas(root: string): Runner {
  const needs = builtProgram(root, 'atlas')
  const directory = ['--dir', 'file://migrations']
  const env = { ATLAS_NO_UPDATE_NOTIFIER: 'true', ATLAS_NO_UPGRADE_SUGGESTIONS: 'true' }
  const call = (command: string, at: Address): Call => ({
    command: needs.path,
    args: ['migrate', command, ...directory, '--url', urlOf(at)],
    env,
  })
  return {
    name: runnerNames.atlas,
    needs,
    write: (project, history) => {
      putUpSections(project, history)
      execFileSync(needs.path, ['migrate', 'hash', ...directory], { cwd: project, env: { ...process.env, ...env } })
    },
    up: (at) => call('apply', at),
    status: (at) => call('status', at),
    long: true,
  }
}

const fromNpm = 'npm install --prefix bench/peers'

function builtProgram(root: string, name: string): { path: string; from: string } {
  return { path: join(root, 'bench/peers/bin', name), from: 'bash bench/peers/build.sh' }
}

function putUpSections(project: string, history: readonly SmallMigration[]): void {
  for (const { version, name, up } of history) put(project, `${version}_${name}.sql`, up)
}

function put(project: string, file: string, text: string): void {
  const folder = join(project, 'migrations')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, file), text)
}

function urlOf({ socketDirectory, port, user, database }: Address): string {
  return `postgres://${user}@/${database}?host=${encodeURIComponent(socketDirectory)}&port=${port}`
}
