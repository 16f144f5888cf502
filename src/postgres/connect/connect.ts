import { Socket } from 'node:net'
import { Client } from 'pg'
import type { ClientConfig } from 'pg'
import { connectionError } from '../../errors.ts'
import type { KeiError } from '../../errors.ts'
import { describeCandidate, jointRefusal, noPasswordRefusal, refusal, timeoutRefusal } from './refusal.ts'
import type { HostCandidate, ResolvedConnection, SessionAttributes } from './resolve.ts'
import { identifyServer } from './server.ts'
import type { Server } from './server.ts'
import { tlsAttempts } from './tls.ts'
import type { TlsAttempt } from './tls.ts'

/** A session with a user's server. The caller ends the client. */
export interface Session {
  client: Client
  server: Server
  candidate: HostCandidate
  /** Whether the way to the server, or to the pooler before it, is encrypted. */
  encrypted: boolean
}

export interface ConnectOptions {
  /** What `pg_stat_activity` shows unless the user names another: `kei/<command>`. */
  applicationName: string
  /** Gives up when aborted. */
  signal?: AbortSignal
  /** Whether a query is sent without waiting for the answers to those before. Default: no. */
  pipeline?: boolean
}

/**
 * Opens a session with the first candidate that can be reached and has the wanted attributes. As with libpq, a server
 * that is reached and refuses the login ends the search.
 * @throws KeiError `host-unreachable`, `connection-timeout`, `password-rejected`, `no-password`, `database-missing`,
 * `tls-refused`, `server-not-ready`, `too-many-connections`, `session-refused`, `unsuitable-server`, all with exit code
 * 3; `server-too-old` with 2; and those of `tlsAttempts`. The reason of `signal` when it is aborted.
 */
export async function connect(resolved: ResolvedConnection, options: ConnectOptions): Promise<Session> {
  const failures: KeiError[] = []
  for (const attributes of passes(resolved.sessionAttributes)) {
    failures.length = 0
    for (const candidate of resolved.candidates) {
      try {
        return await openCandidate(resolved, candidate, attributes, options)
      } catch (error) {
        options.signal?.throwIfAborted()
        const failure = refusal(error, resolved, candidate)
        if (!goOn.has(failure.code)) throw failure
        failures.push(failure)
      }
    }
  }
  throw jointRefusal(failures)
}

/** After these the next candidate is tried. */
const goOn: ReadonlySet<string> = new Set([
  'host-unreachable',
  'connection-timeout',
  'server-not-ready',
  'tls-refused',
  'unsuitable-server',
])

type WantedAttributes = Exclude<SessionAttributes, 'prefer-standby'>

function passes(attributes: SessionAttributes): WantedAttributes[] {
  return attributes === 'prefer-standby' ? ['standby', 'any'] : [attributes]
}

async function openCandidate(
  resolved: ResolvedConnection,
  candidate: HostCandidate,
  attributes: WantedAttributes,
  options: ConnectOptions,
): Promise<Session> {
  let first: KeiError | undefined
  for (const tls of tlsAttempts(resolved, candidate)) {
    try {
      return await open(resolved, candidate, tls, attributes, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      const failure = refusal(error, resolved, candidate)
      // Only what the other way could mend: a password is not sent twice.
      const mayHelp = failure.code === 'tls-refused' || failure.code === 'session-refused'
      if (!mayHelp) throw failure
      first = first === undefined || first.code === 'tls-refused' ? failure : first
    }
  }
  throw first ?? new Error('no attempt was made')
}

async function open(
  resolved: ResolvedConnection,
  candidate: HostCandidate,
  tls: TlsAttempt,
  attributes: WantedAttributes,
  { applicationName, signal, pipeline = false }: ConnectOptions,
): Promise<Session> {
  const socket = new Socket()
  const timeout = new AbortController()
  const timer =
    resolved.connectTimeout > 0 ? setTimeout(() => timeout.abort(), resolved.connectTimeout * 1000) : undefined
  const giveUp = AbortSignal.any([timeout.signal, ...(signal === undefined ? [] : [signal])])
  const abandon = () => void socket.destroy()
  giveUp.addEventListener('abort', abandon)
  const client = new Client({ ...clientConfig(resolved, candidate, tls, socket, applicationName), pipeline })
  // A lost connection shows in the statement that needs it; unheard, the event would end the process.
  client.on('error', () => undefined)
  try {
    giveUp.throwIfAborted()
    await client.connect()
    const server = await identifyServer(client)
    checkAttributes(server, attributes, candidate)
    return { client, server, candidate, encrypted: tls !== false }
  } catch (error) {
    socket.destroy()
    throw timeout.signal.aborted ? timeoutRefusal(resolved, candidate) : error
  } finally {
    clearTimeout(timer)
    giveUp.removeEventListener('abort', abandon)
  }
}

/** Every value is named, because pg fills what is left out from the environment of its own accord. */
function clientConfig(
  resolved: ResolvedConnection,
  candidate: HostCandidate,
  tls: TlsAttempt,
  socket: Socket,
  applicationName: string,
): ClientConfig & { sslnegotiation: string; enableChannelBinding: boolean } {
  // One space is no option for the server, and keeps pg from PGOPTIONS.
  const options = resolved.options ?? (process.env['PGOPTIONS'] ? ' ' : undefined)
  return {
    host: candidate.address ?? candidate.host,
    port: candidate.port,
    user: resolved.user,
    database: resolved.database,
    password: async () => {
      if (candidate.password === undefined) throw noPasswordRefusal(resolved, candidate)
      return candidate.password
    },
    application_name: resolved.applicationName ?? applicationName,
    ...(options !== undefined && { options }),
    ssl: tls,
    sslnegotiation: tls === false ? 'postgres' : resolved.ssl.negotiation,
    enableChannelBinding: tls !== false && resolved.channelBinding === 'require',
    connectionTimeoutMillis: 0,
    // A statement may be silent for hours, and a network forget the way meanwhile.
    keepAlive: true,
    stream: () => socket,
  }
}

function checkAttributes(server: Server, wanted: WantedAttributes, candidate: HostCandidate): void {
  const suits = {
    any: true,
    'read-write': !server.readOnly,
    'read-only': server.readOnly,
    primary: server.role === 'primary',
    standby: server.role === 'standby',
  }[wanted]
  if (suits) return
  throw connectionError({
    code: 'unsuitable-server',
    message: `${describeCandidate(candidate)} is a ${server.role}${
      server.readOnly ? ', read-only' : ''
    }, and target_session_attrs=${wanted} asks for another.`,
    hint: 'Name the other servers too (host=one,two), or set target_session_attrs=any.',
  })
}
