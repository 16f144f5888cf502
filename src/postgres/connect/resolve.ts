import { usageError } from '../../errors.ts'
import { gather, set, stringsOfEnvironment } from './gather.ts'
import type { GivenString, Surroundings, Values } from './gather.ts'
import { keywords, sslModes } from './keywords.ts'
import type { SslMode } from './keywords.ts'
import { describeOrigin } from './origin.ts'
import type { Origin, Parameter } from './origin.ts'
import { passwordsOf } from './passwords.ts'
import { socketDirectories, withholding } from './withhold.ts'
import type { Withholding } from './withhold.ts'

/** A server to try. */
export interface HostCandidate {
  /** A name or address, or the absolute path of a socket's directory. */
  host: string
  /** The address to connect to instead of looking `host` up. */
  address?: string
  port: number
  password?: string
  passwordOrigin?: Origin
  /** Why a password that there is does not go there, as a sentence. */
  withheld?: string
}

export const sessionAttributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const
export type SessionAttributes = (typeof sessionAttributes)[number]

/** Where to connect and how, and where each value came from. Holds passwords: never print it whole. */
export interface ResolvedConnection {
  /** In the order to try. */
  candidates: readonly HostCandidate[]
  user: string
  database: string
  /** Command-line options for the server, such as `-c search_path=app`. */
  options?: string
  /** As given by the user; kei's own is used when it is not. */
  applicationName?: string
  /** Seconds for each candidate; 0 waits for ever. Default: 10. */
  connectTimeout: number
  sessionAttributes: SessionAttributes
  channelBinding: 'disable' | 'prefer' | 'require'
  ssl: {
    mode: SslMode
    negotiation: 'postgres' | 'direct'
    /** Path of the certificates to trust, or `system`. */
    rootCertificate?: string
    certificate?: string
    key?: string
    keyPassword?: string
  }
  /** Every value that was given or has a default, by keyword. */
  parameters: readonly Parameter[]
  /** What a user should know: what was ignored, what is unsafe. */
  notes: readonly string[]
}

const defaultConnectTimeout = 10

/**
 * Finds where to connect as psql does: what a connection string says (`given`, else KEI_DATABASE_URL, else
 * DATABASE_URL), then the service that it or PGSERVICE names, then the PG* variables, then the defaults. Passwords
 * that none of these has come from the password file, by host. A string that a repository chose gets no password and no
 * certificate that is not for its host; a note says so.
 * Source: PostgreSQL manual, "Database Connection Control Functions".
 * @throws KeiError `invalid-connection-string`, `invalid-service-file`, `service-not-found`, `invalid-parameter`,
 * `unsupported-parameter`
 */
export function resolveConnection(
  surroundings: Surroundings,
  given: GivenString | undefined = stringsOfEnvironment(surroundings)[0],
): ResolvedConnection {
  const notes: string[] = []
  const gathered = gather(surroundings, given, notes)
  const { values } = gathered
  const text = (keyword: string) => values.get(keyword)?.value || undefined

  judgeUse(values, notes)
  if (text('user') === undefined) set(values, 'user', surroundings.operatingSystemUser, { kind: 'operating system' })
  const user = text('user') ?? ''
  if (text('dbname') === undefined) set(values, 'dbname', user, { kind: 'default' })
  const database = text('dbname') ?? ''
  setSslDefaults(values, surroundings)
  if (text('connect_timeout') === undefined) {
    set(values, 'connect_timeout', String(defaultConnectTimeout), { kind: 'default' })
  }
  const negotiation = choice(values, 'sslnegotiation', ['postgres', 'direct'])
  const mode = choice(values, 'sslmode', sslModes, 'prefer')
  if (negotiation === 'direct' && sslModes.indexOf(mode) < sslModes.indexOf('require')) {
    throw invalid(`sslnegotiation=direct cannot be used with sslmode=${mode}`, 'Set sslmode=require or stronger.')
  }
  const rules = withholding(surroundings, given, gathered)
  const candidates = candidatesOf(values, passwordsOf(values, surroundings, rules, { user, database }, notes))
  withholdCertificate(values, candidates, rules, notes)
  if (candidates.every(({ passwordOrigin }) => passwordOrigin !== values.get('password')?.origin)) {
    values.delete('password')
  }
  const options = text('options')
  const applicationName = text('application_name') ?? text('fallback_application_name')
  const rootCertificate = text('sslrootcert')
  const certificate = text('sslcert')
  const key = text('sslkey')
  const keyPassword = text('sslpassword')
  return {
    candidates,
    user,
    database,
    ...(options !== undefined && { options }),
    ...(applicationName !== undefined && { applicationName }),
    connectTimeout: Math.max(0, wholeNumber(values, 'connect_timeout')),
    sessionAttributes: choice(values, 'target_session_attrs', sessionAttributes),
    channelBinding: choice(values, 'channel_binding', ['disable', 'prefer', 'require'], 'prefer'),
    ssl: {
      mode,
      negotiation,
      ...(rootCertificate !== undefined && { rootCertificate }),
      ...(certificate !== undefined && { certificate }),
      ...(key !== undefined && { key }),
      ...(keyPassword !== undefined && { keyPassword }),
    },
    parameters: [...values.values()].filter(({ value }) => value !== ''),
    notes: [...new Set(notes)],
  }
}

/** Refuses what would protect the session and cannot be done; notes what is left aside. */
function judgeUse(values: Values, notes: string[]): void {
  for (const { keyword, value, origin } of values.values()) {
    const known = keywords[keyword]
    if (known === undefined || known.use === 'used' || value === '') continue
    if (known.harmless?.some((harmless) => harmless.toLowerCase() === value.toLowerCase()) === true) continue
    if (known.use === 'ignored') {
      notes.push(`${keyword} (${describeOrigin(origin)}) is not used by kei.`)
      continue
    }
    throw usageError({
      code: 'unsupported-parameter',
      message: `kei cannot keep to ${keyword}, which is set by ${describeOrigin(origin)}.`,
      hint: `Connect without ${keyword}, or with a value that leaves the choice open.`,
    })
  }
}

function setSslDefaults(values: Values, { homeDirectory, file }: Surroundings): void {
  const defaults = { sslrootcert: 'root.crt', sslcert: 'postgresql.crt', sslkey: 'postgresql.key' }
  for (const [keyword, name] of Object.entries(defaults)) {
    const path = `${homeDirectory}/.postgresql/${name}`
    if (!values.get(keyword)?.value && file(path).kind === 'text') set(values, keyword, path, { kind: 'default' })
  }
  const system = values.get('sslrootcert')?.value === 'system'
  if (!values.get('sslmode')?.value) set(values, 'sslmode', system ? 'verify-full' : 'prefer', { kind: 'default' })
  const mode = values.get('sslmode')?.value
  if (system && mode !== 'verify-full') {
    throw invalid(`sslrootcert=system cannot be used with sslmode=${mode}`, 'Set sslmode=verify-full.')
  }
}

/** A certificate is shown to every server alike: when it is not for one of them, it is shown to none. */
function withholdCertificate(
  values: Values,
  candidates: readonly HostCandidate[],
  rules: Withholding,
  notes: string[],
): void {
  const servers = candidates.filter(({ host }) => !host.startsWith('/'))
  for (const keyword of ['sslcert', 'sslkey', 'sslpassword']) {
    const parameter = values.get(keyword)
    if (!parameter?.value) continue
    for (const { host, address = '' } of servers) {
      const reason = rules.reason(parameter.origin, { host, address })
      if (reason === undefined) continue
      values.delete(keyword)
      notes.push(`${keyword} (${describeOrigin(parameter.origin)}) is not used for ${host}: ${reason}.`)
      break
    }
  }
}

/** Hosts, addresses and ports are lists of the same length; one port is for all hosts. */
function candidatesOf(values: Values, lookUp: ReturnType<typeof passwordsOf>): HostCandidate[] {
  const list = (keyword: string) => (values.get(keyword)?.value || undefined)?.split(',')
  const hosts = list('host')
  const addresses = list('hostaddr')
  const ports = list('port') ?? ['']
  if (hosts !== undefined && addresses !== undefined && hosts.length !== addresses.length) {
    throw invalid(
      `${hosts.length} hosts are given, and ${addresses.length} addresses`,
      'Give one hostaddr for each host.',
    )
  }
  const count = (hosts ?? addresses ?? ['']).length
  if (ports.length !== 1 && ports.length !== count) {
    throw invalid(`${count} hosts are given, and ${ports.length} ports`, 'Give one port, or one for each host.')
  }
  if (hosts === undefined) {
    const shown = addresses === undefined ? socketDirectories.join(' or ') : ''
    set(values, 'host', shown, { kind: 'default' })
  }
  if (list('port') === undefined) set(values, 'port', '5432', { kind: 'default' })
  return Array.from({ length: count }, (_, index) => {
    const host = hosts?.[index] ?? ''
    const address = addresses?.[index] ?? ''
    const port = portNumber((ports.length === 1 ? ports[0] : ports[index]) ?? '')
    const password = lookUp({ host, address }, port)
    const places = host === '' && address === '' ? socketDirectories : [host || address]
    return places.map((place) => ({ host: place, ...(address !== '' && { address }), port, ...password }))
  }).flat()
}

function portNumber(text: string): number {
  if (text === '') return 5432
  const port = /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  // Not shown: in a URL it may be the rest of a password that was not percent-encoded.
  throw invalid(
    'A port is not a number from 1 to 65535',
    'In a URL, special characters of a password are encoded: / as %2F.',
  )
}

function wholeNumber(values: Values, keyword: string): number {
  const { value = '', origin } = values.get(keyword) ?? {}
  if (/^\s*[+-]?\d{1,9}\s*$/.test(value)) return Number(value)
  throw invalid(
    `${keyword} is not a whole number`,
    `It is set by ${origin === undefined ? '' : describeOrigin(origin)}.`,
  )
}

/** The value of a keyword, one of a few; the first of them, or `fallback`, when it is not set. */
function choice<T extends string>(values: Values, keyword: string, choices: readonly T[], fallback?: T): T {
  const value = values.get(keyword)?.value
  const found = value ? choices.find((candidate) => candidate === value) : (fallback ?? choices[0])
  if (found !== undefined) return found
  throw invalid(`${keyword} has a value that PostgreSQL does not know`, `Set it to one of ${choices.join(', ')}.`)
}

function invalid(message: string, hint: string): Error {
  return usageError({ code: 'invalid-parameter', message: `${message}.`, hint })
}
