import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresMajors } from '../config/config.ts'
import { failure, interrupted, usageError } from '../errors.ts'
import type { Session } from '../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../postgres/connect/resolve.ts'
import { findProgram, requireProgram } from '../postgres/programs.ts'
import { redactText } from '../sql/redact.ts'

/** What a dump leaves out. */
interface ExcludedObjects {
  schemas: readonly string[]
  relations: readonly string[]
}

/**
 * A database's schema as pg_dump writes it, without owners, grants, subscriptions and security labels. pg_dump is of
 * the server's major or newer: an older one refuses the server.
 * @param excluded bare names of schemas; relations qualified and quoted
 * @throws KeiError `program-not-found`, `dump-through-pooler`, `dump-failed`, `interrupted`
 */
export async function dumpSchema(
  session: Session,
  resolved: ResolvedConnection,
  excluded: ExcludedObjects,
  signal?: AbortSignal,
): Promise<string> {
  const program = pgDump(session.server.major)
  await refusePooler(session)
  const folder = mkdtempSync(join(tmpdir(), 'kei-dump-'))
  try {
    return await run(program, dumpArguments(excluded), environment(session, resolved, folder), signal)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function pgDump(major: number): string {
  const newer = postgresMajors.filter((each) => each > major)
  for (const each of [major, ...newer]) {
    const found = findProgram('pg_dump', each)
    if (found !== undefined) return found
  }
  return requireProgram('pg_dump', major)
}

/** pg_dump sets what its session is like, and through a pooler the next one would find it so. */
async function refusePooler({ client }: Session): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_catalog.pg_backend_pid() AS pid')
  const greeted = (client as unknown as { processID: number | null }).processID
  if (greeted === rows[0]?.pid) return
  throw usageError({
    code: 'dump-through-pooler',
    message: 'pg_dump needs a connection to the server itself, and this one goes through a pooler.',
    hint: 'Set KEI_DIRECT_DATABASE_URL, or targets.NAME.directUrl in kei.jsonc.',
  })
}

function dumpArguments({ schemas, relations }: ExcludedObjects): string[] {
  const patterns = [
    ...schemas.map((name) => `--exclude-schema="${name.replaceAll('"', '""')}"`),
    ...relations.map((name) => `--exclude-table=${name}`),
  ]
  return [
    '--schema-only',
    '--no-owner',
    '--no-privileges',
    '--no-subscriptions',
    '--no-security-labels',
    '--no-tablespaces',
    '--no-password',
    '--encoding=UTF8',
    '--lock-wait-timeout=10000',
    ...patterns,
  ]
}

/** The same way to the same server, with nothing of it in the arguments, which every user of the machine may read. */
function environment(session: Session, resolved: ResolvedConnection, folder: string): NodeJS.ProcessEnv {
  const { host, address, port, password } = session.candidate
  const { ssl } = resolved
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))
  const given: NodeJS.ProcessEnv = {
    PGHOST: host,
    PGHOSTADDR: address,
    PGPORT: String(port),
    PGUSER: resolved.user,
    PGDATABASE: resolved.database,
    PGPASSWORD: password,
    // No other password than the session's is tried.
    PGPASSFILE: join(folder, 'none'),
    PGOPTIONS: resolved.options,
    PGAPPNAME: resolved.applicationName ?? 'kei/migrate',
    PGCONNECT_TIMEOUT: String(resolved.connectTimeout),
    PGCHANNELBINDING: resolved.channelBinding,
    PGSSLMODE: ssl.mode,
    PGSSLROOTCERT: ssl.rootCertificate,
    PGSSLCERT: ssl.certificate,
    PGSSLKEY: ssl.key,
    PGSSLNEGOTIATION: ssl.negotiation === 'direct' ? 'direct' : undefined,
  }
  if (ssl.keyPassword !== undefined) {
    // libpq reads it from nowhere else.
    given['PGSERVICE'] = 'kei'
    given['PGSERVICEFILE'] = join(folder, 'service')
    writeFileSync(join(folder, 'service'), `[kei]\nsslpassword=${ssl.keyPassword}\n`, { mode: 0o600 })
  }
  return Object.fromEntries([...own, ...Object.entries(given).filter(([, value]) => value !== undefined)])
}

async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => void child.kill('SIGINT')
  signal?.addEventListener('abort', stop)
  const output: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (signal?.aborted === true) throw interrupted()
    if (code === 0) return Buffer.concat(output).toString('utf8')
    throw dumpFailed(
      Buffer.concat(said)
        .toString('utf8')
        .replaceAll(env['PGPASSWORD'] || '\0', '********'),
    )
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function dumpFailed(said: string): Error {
  return failure({
    code: 'dump-failed',
    message: `pg_dump failed: ${redactText(said.trim()) || 'it said nothing'}`,
    hint: 'Nothing was changed. The role needs USAGE on every schema and SELECT on every table and sequence.',
  })
}
