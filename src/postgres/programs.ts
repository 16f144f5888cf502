import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { usageError } from '../errors.ts'

/** Programs that kei runs beside a server. Those of PostgreSQL itself must be of the server's major. */
export type Program =
  | 'postgres'
  | 'psql'
  | 'pg_dump'
  | 'pg_restore'
  | 'pg_basebackup'
  | 'pgbench'
  | 'pgbouncer'
  | 'pgbackrest'

const versioned: ReadonlySet<Program> = new Set([
  'postgres',
  'psql',
  'pg_dump',
  'pg_restore',
  'pg_basebackup',
  'pgbench',
])

/**
 * Where programs of a major may be, best first: `KEI_PG_BIN` (one or several folders, separated as in PATH), PATH, then
 * the places of Debian, Red Hat, Alpine, Homebrew and Postgres.app. A folder need not exist.
 */
export function programFolders(major: number): string[] {
  return [
    ...folders(process.env['KEI_PG_BIN']),
    ...folders(process.env['PATH']),
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/usr/libexec/postgresql${major}`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    '/opt/homebrew/opt/libpq/bin',
    `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
  ]
}

function folders(list: string | undefined): string[] {
  return (list ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
}

/** The path of a program, of the right major where it has one; undefined when this machine does not have it. */
export function findProgram(program: Program, major: number): string | undefined {
  return programFolders(major)
    .map((folder) => join(folder, program))
    .find((path) => isExecutable(path) && (!versioned.has(program) || programMajor(path) === major))
}

/**
 * As `findProgram`.
 * @throws KeiError `program-not-found`, which names the package to install.
 */
export function requireProgram(program: Program, major: number): string {
  const path = findProgram(program, major)
  if (path !== undefined) return path
  const wanted = versioned.has(program) ? `${program} of PostgreSQL ${major}` : program
  throw usageError({
    code: 'program-not-found',
    message: `${wanted} was not found on this machine.`,
    hint: `Install ${packageHint(program, major)}, or set KEI_PG_BIN to the folder that holds it.`,
  })
}

/** A client program and the major that it is of. */
export interface ClientProgram {
  path: string
  major: number
}

/** Majors that a client may be of: psql answers to servers of all of them, from 9.2 on. */
const clientMajors = [13, 14, 15, 16, 17, 18, 19, 20]

/**
 * psql for a server of a major: of that major, else the nearest newer one, else the nearest older, whose `\d` commands may
 * fail there.
 * @throws KeiError `program-not-found`
 */
export function requirePsql(major: number): ClientProgram {
  const newer = clientMajors.filter((each) => each > major)
  const older = clientMajors.filter((each) => each < major).toReversed()
  for (const each of [major, ...newer, ...older]) {
    const path = findProgram('psql', each)
    if (path !== undefined) return { path, major: each }
  }
  return { path: requireProgram('psql', major), major }
}

/** The package that brings a program, for a sentence that begins with "Install". */
export function packageHint(program: Program, major: number): string {
  if (program === 'pgbouncer' || program === 'pgbackrest') return `the package ${program}`
  if (process.platform === 'darwin') return `it with \`brew install postgresql@${major}\``
  const server = program === 'postgres' || program === 'pg_basebackup' || program === 'pgbench'
  return server
    ? `postgresql-${major} (Debian, Ubuntu) or postgresql${major}-server (Red Hat) from https://www.postgresql.org/download/`
    : `postgresql-client-${major} (Debian, Ubuntu) or postgresql${major} (Red Hat) from https://www.postgresql.org/download/`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Each is asked once: a search for several majors meets the same programs again. */
const majors = new Map<string, number | undefined>()

/** All of PostgreSQL's programs answer `--version` with `name (PostgreSQL) 17.10 …`. */
function programMajor(path: string): number | undefined {
  if (!majors.has(path)) majors.set(path, askedMajor(path))
  return majors.get(path)
}

function askedMajor(path: string): number | undefined {
  try {
    const text = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const major = /\(PostgreSQL\) (\d+)/.exec(text)?.[1]
    return major === undefined ? undefined : Number(major)
  } catch {
    return undefined
  }
}
