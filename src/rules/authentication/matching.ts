import type { AuthenticationName, AuthenticationRecord, HostAddress } from '../../findings/authentication.ts'
import { containsNetwork, parseAddress, prefixLength, prefixMask } from '../../findings/network.ts'
import type { Network } from '../../findings/network.ts'

/**
 * What a connection comes over: the socket, or TCP without encryption, with TLS or with GSSAPI encryption, from an
 * address of version 4 or 6. A line takes connections of several.
 */
export type Channel = 'socket' | `${Encryption} ${4 | 6}`

type Encryption = 'plain' | 'tls' | 'gss'

/** Source: PostgreSQL manual, "The pg_hba.conf File". */
const encryptions: Readonly<Record<Exclude<AuthenticationRecord['type'], 'local'>, readonly Encryption[]>> = {
  host: ['plain', 'tls', 'gss'],
  hostssl: ['tls'],
  hostnossl: ['plain', 'gss'],
  hostgssenc: ['gss'],
  hostnogssenc: ['plain', 'tls'],
}

/** A record and what the records before it leave to it. */
export interface Reach {
  record: AuthenticationRecord
  /** The channels on which a connection can still come to it; none: it is never reached. */
  channels: ReadonlySet<Channel>
  /** The records that take from it what it does not get, in their order. */
  shadows: AuthenticationRecord[]
}

/** What reaches each record, since the first that matches counts. It errs on the side of reaching. */
export function reachOf(records: readonly AuthenticationRecord[]): Reach[] {
  return records.map((record, index) => {
    const channels = new Set(channelsOf(record))
    const shadows: AuthenticationRecord[] = []
    for (const earlier of records.slice(0, index)) {
      if (channels.size === 0) break
      if (!coversNames(earlier.databases, record.databases, isSameDatabase)) continue
      if (!coversNames(earlier.users, record.users, isSameUser)) continue
      const taken = channelsOf(earlier).filter((channel) => channels.has(channel) && takes(earlier, record, channel))
      for (const channel of taken) channels.delete(channel)
      if (taken.length > 0) shadows.push(earlier)
    }
    return { record, channels, shadows }
  })
}

/** Whether connections come to it without TLS or other encryption over a network. */
export function isReachedPlain({ channels }: Reach): boolean {
  return channels.has('plain 4') || channels.has('plain 6')
}

/** A keyword as the server takes it: one without quotes. */
export function isKeyword({ text, quoted }: AuthenticationName, keyword: string): boolean {
  return !quoted && text === keyword
}

/** The record's own machine, by socket or by its own addresses. */
export function isFromItself(record: AuthenticationRecord): boolean {
  if (record.type === 'local') return true
  const { address } = record
  if (address.kind === 'network') return loopbacks.some((loopback) => containsNetwork(loopback, address.network))
  return address.kind === 'samehost' || (address.kind === 'name' && /^localhost$/i.test(address.name))
}

/** All addresses of a version. */
export function isFromAnywhere(record: AuthenticationRecord): boolean {
  if (record.type === 'local') return false
  const { address } = record
  return address.kind === 'all' || (address.kind === 'network' && prefixLength(address.network) === 0)
}

/** One machine or addresses that no router outside passes on: RFC 1918, 3927, 4193, 4291 and 6598. */
export function isFromPrivateNetwork({ address }: { address: HostAddress }): boolean {
  if (address.kind !== 'network') return address.kind === 'samenet'
  return privateNetworks.some((known) => containsNetwork(known, address.network))
}

/** A single address or host name. */
export function isFromOneHost({ address }: { address: HostAddress }): boolean {
  if (address.kind === 'name') return !address.name.startsWith('.')
  return address.kind === 'network' && prefixLength(address.network) === address.network.address.length * 8
}

function network(address: string, length: number): Network {
  const bytes = parseAddress(address) ?? []
  return { address: bytes, mask: prefixMask(length, bytes.length) }
}

const loopbacks = [network('127.0.0.0', 8), network('::1', 128), network('::ffff:127.0.0.0', 104)]
const privateNetworks = [
  network('10.0.0.0', 8),
  network('172.16.0.0', 12),
  network('192.168.0.0', 16),
  network('169.254.0.0', 16),
  network('100.64.0.0', 10),
  network('fc00::', 7),
  network('fe80::', 10),
]

function channelsOf(record: AuthenticationRecord): Channel[] {
  if (record.type === 'local') return ['socket']
  const { address } = record
  const is6 = address.kind === 'network' && address.network.address.length === 16
  const versions = address.kind === 'network' ? [is6 ? (6 as const) : (4 as const)] : ([4, 6] as const)
  return encryptions[record.type].flatMap((encryption) =>
    versions.map((version) => `${encryption} ${version}` as const),
  )
}

/** Whether all that comes to `later` on a channel would come to `earlier`; both have the channel. */
function takes(earlier: AuthenticationRecord, later: AuthenticationRecord, channel: Channel): boolean {
  if (earlier.type === 'local' || later.type === 'local') return channel === 'socket'
  const { address: outer } = earlier
  const { address: inner } = later
  switch (outer.kind) {
    case 'all':
      return true
    case 'network':
      return inner.kind === 'network' ? containsNetwork(outer.network, inner.network) : isFromAnywhere(earlier)
    case 'samenet':
      return inner.kind === 'samenet' || inner.kind === 'samehost'
    case 'samehost':
      return inner.kind === 'samehost'
    case 'name':
      return inner.kind === 'name' && coversName(outer.name.toLowerCase(), inner.name.toLowerCase())
  }
}

function coversName(outer: string, inner: string): boolean {
  return outer.startsWith('.') ? inner.endsWith(outer) : outer === inner
}

function coversNames(
  outer: readonly AuthenticationName[],
  inner: readonly AuthenticationName[],
  isSame: (a: AuthenticationName, b: AuthenticationName) => boolean,
): boolean {
  return inner.every((name) => outer.some((other) => isSame(other, name)))
}

/** `all` does not take connections for physical replication, which come to `replication` alone. */
function isSameDatabase(outer: AuthenticationName, inner: AuthenticationName): boolean {
  if (isKeyword(inner, 'replication')) return isKeyword(outer, 'replication')
  if (isKeyword(outer, 'replication')) return false
  const isOfRole = (name: AuthenticationName) => isKeyword(name, 'samerole') || isKeyword(name, 'samegroup')
  return isKeyword(outer, 'all') || isSameName(outer, inner) || (isOfRole(outer) && isOfRole(inner))
}

function isSameUser(outer: AuthenticationName, inner: AuthenticationName): boolean {
  return isKeyword(outer, 'all') || isSameName(outer, inner)
}

const meaning = /^(?:all|sameuser|samerole|samegroup|replication|\+.*)$/s

/** Quotes make a difference only for a word that means something without them. */
function isSameName(outer: AuthenticationName, inner: AuthenticationName): boolean {
  return outer.text === inner.text && (outer.quoted === inner.quoted || !meaning.test(outer.text))
}
