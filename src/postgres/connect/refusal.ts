import { KeiError, connectionError } from '../../errors.ts'
import { describeOrigin } from './origin.ts'
import type { HostCandidate, ResolvedConnection } from './resolve.ts'

/** What a session was refused for: a message without passwords, whatever the driver's error holds. */
export function refusal(error: unknown, resolved: ResolvedConnection, candidate: HostCandidate): KeiError {
  if (error instanceof KeiError) return error
  const { user, database } = resolved
  const where = describeCandidate(candidate)
  const code = codeOf(error)
  const said = error instanceof Error ? error.message : String(error)
  const refused = (code: string, message: string, hint: string) =>
    connectionError({ code, message, hint, cause: error })

  // PgBouncer says it with a code of its own.
  if (code === '28P01' || said.startsWith('password authentication failed')) {
    const from = candidate.passwordOrigin === undefined ? '' : ` from ${describeOrigin(candidate.passwordOrigin)}`
    return refused(
      'password-rejected',
      `${where} rejects the password${from} of user ${JSON.stringify(user)}.`,
      '`kei connect --explain` shows where user and password come from.',
    )
  }
  if (code === '3D000') {
    return refused(
      'database-missing',
      `${where} has no database ${JSON.stringify(database)}.`,
      'List the databases with `psql -l`; `kei connect --explain` shows where the name comes from.',
    )
  }
  if (code === '57P03') {
    return refused('server-not-ready', `${where} does not accept sessions yet: ${said}.`, 'Try again in a moment.')
  }
  if (code === '53300') {
    return refused(
      'too-many-connections',
      `${where} has no room for another session: ${said}.`,
      'End idle sessions, use a pooler, or raise max_connections.',
    )
  }
  if (isTlsError(code, said)) {
    return refused(
      'tls-refused',
      `TLS with ${where} failed: ${said} (sslmode=${resolved.ssl.mode}).`,
      /does not support SSL/.test(said)
        ? 'Turn ssl on in the server, or set sslmode=prefer if the network between is trusted.'
        : "Set sslrootcert to the certificate of the server's authority; `kei connect --explain` shows what is used.",
    )
  }
  if (code !== undefined && unreachable.has(code)) {
    return refused('host-unreachable', `${where} cannot be reached: ${reason(code)}.`, reachHint(candidate, code))
  }
  if (/^[0-9A-Z]{5}$/.test(code ?? '')) {
    return refused(
      'session-refused',
      `${where} refuses the session: ${said}.`,
      code === '28000'
        ? 'The first line of pg_hba.conf that fits decides; `kei connect --explain` shows who asks for what.'
        : '`kei connect --explain` shows where user, database and options come from.',
    )
  }
  return refused(
    'host-unreachable',
    `${where} ended the connection before the session began.`,
    'Check that a PostgreSQL server or pooler listens there, and its log.',
  )
}

/** @throws never; the error for a server that did not answer in time. */
export function timeoutRefusal(resolved: ResolvedConnection, candidate: HostCandidate): KeiError {
  return connectionError({
    code: 'connection-timeout',
    message: `${describeCandidate(candidate)} did not answer within ${resolved.connectTimeout} s.`,
    hint: 'A firewall may drop the packets. Check host and port, or set connect_timeout (PGCONNECT_TIMEOUT) higher.',
  })
}

/** The error for a server that asks for a password when there is none. */
export function noPasswordRefusal(resolved: ResolvedConnection, candidate: HostCandidate): KeiError {
  const { user, database } = resolved
  const host = candidate.host.startsWith('/') ? 'localhost' : candidate.host
  const fields = [host, String(candidate.port), database, user].map((field) => field.replace(/[\\:]/g, '\\$&'))
  const line = `${fields.join(':')}:PASSWORD to ~/.pgpass (chmod 0600).`
  return connectionError({
    code: 'no-password',
    message: `${describeCandidate(candidate)} asks for the password of user ${JSON.stringify(user)}, and none is given.`,
    hint:
      candidate.withheld === undefined
        ? `Set PGPASSWORD, or write the line ${line}`
        : `${candidate.withheld} Or write the line ${line}`,
  })
}

/** One error for all the servers that were tried. */
export function jointRefusal(failures: readonly KeiError[]): KeiError {
  const last = failures.at(-1)
  if (last === undefined) throw new Error('no server was tried')
  if (failures.length === 1) return last
  return connectionError({
    code: last.code,
    message: `None of ${failures.length} servers can be used. ${failures.map(({ message }) => message).join(' ')}`,
    ...(last.hint !== undefined && { hint: last.hint }),
    cause: last,
  })
}

/** `db.example.com:5432`, or the path of a socket. */
export function describeCandidate({ host, address, port }: HostCandidate): string {
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`
  const name = host.includes(':') ? `[${host}]` : host
  return address !== undefined && address !== host ? `${name}:${port} (${address})` : `${name}:${port}`
}

const unreachable: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTDIR',
  'ENOTSOCK',
  'EACCES',
  'EPERM',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ETIMEDOUT',
  'EPIPE',
  'EINVAL',
])

function reason(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENOTSOCK':
      return 'there is no such socket'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not'
    case 'ENOTFOUND':
      return 'no such host is known'
    default:
      return code
  }
}

function reachHint({ host, port }: HostCandidate, code: string): string {
  if (host.startsWith('/')) return 'Is the server running? Name its host with --url, DATABASE_URL or PGHOST.'
  return code === 'ENOTFOUND'
    ? 'Check the name of the host: `kei connect --explain` shows where it comes from.'
    : `Check that the server runs, that listen_addresses lets it listen on ${host}, and the port ${port}.`
}

function isTlsError(code: string | undefined, said: string): boolean {
  return (
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/.test(
      code ?? '',
    ) || /SSL connection|secure TLS connection/.test(said)
  )
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
