import type { AuthenticationName, AuthenticationRecord, HostAddress } from '../../findings/authentication.ts'
import { formatNetwork, prefixLength } from '../../findings/network.ts'
import { isFromItself, isKeyword } from './matching.ts'

/**
 * The connections that a line is about, in words that go on after "lets in": `every user of every database from any
 * address, also without TLS`.
 */
export function connectionsOf(record: AuthenticationRecord): string {
  const who = `${listed(record.users.map(userWords))} ${databaseWords(record.databases)}`
  if (record.type === 'local') return `${who} over the Unix socket`
  const from = `${who} from ${addressWords(record.address)}`
  // Nobody is on the way from the machine to itself.
  return isFromItself(record) ? from : `${from}, ${encryptionWords[record.type]}`
}

const encryptionWords: Readonly<Record<Exclude<AuthenticationRecord['type'], 'local'>, string>> = {
  host: 'also without TLS',
  hostssl: 'with TLS',
  hostnossl: 'without TLS',
  hostgssenc: 'with GSSAPI encryption',
  hostnogssenc: 'also without TLS',
}

function userWords(name: AuthenticationName): string {
  if (isKeyword(name, 'all')) return 'every user'
  if (name.text.startsWith('/')) return `users that match ${name.text.slice(1)}`
  return !name.quoted && name.text.startsWith('+') ? `members of ${name.text.slice(1)}` : `user ${name.text}`
}

function databaseWords(names: readonly AuthenticationName[]): string {
  const [only] = names
  if (only !== undefined && names.length === 1 && isKeyword(only, 'replication')) return 'for physical replication'
  return `of ${listed(names.map(databaseName))}`
}

function databaseName(name: AuthenticationName): string {
  if (isKeyword(name, 'all')) return 'every database'
  if (isKeyword(name, 'sameuser')) return 'the database of their name'
  if (isKeyword(name, 'samerole') || isKeyword(name, 'samegroup')) return 'the databases of roles they belong to'
  if (isKeyword(name, 'replication')) return 'physical replication'
  return name.text.startsWith('/') ? `databases that match ${name.text.slice(1)}` : `database ${name.text}`
}

/** Addresses, in words that follow "from". */
export function addressWords(address: HostAddress): string {
  switch (address.kind) {
    case 'all':
      return 'any address'
    case 'samehost':
      return 'the server’s own addresses'
    case 'samenet':
      return 'the networks of the server'
    case 'name':
      return address.name.startsWith('.') ? `hosts in ${address.name}` : `host ${address.name}`
    case 'network': {
      const { network } = address
      const version = network.address.length === 4 ? 4 : 6
      return prefixLength(network) === 0 ? `any IPv${version} address` : formatNetwork(network)
    }
  }
}

function listed(words: readonly string[]): string {
  const unique = [...new Set(words)]
  return unique.length < 2 ? unique.join('') : `${unique.slice(0, -1).join(', ')} and ${unique.at(-1)}`
}
