import { authenticationMethods, hiddenSecret, hostTypes, secretOptions } from '../../findings/authentication.ts'
import type {
  AuthenticationMethod,
  AuthenticationOption,
  AuthenticationRecord,
  HostAddress,
} from '../../findings/authentication.ts'
import { parseAddress, prefixMask } from '../../findings/network.ts'
import type { TextPlace } from '../../findings/text-place.ts'
import { passwordLooks } from '../../sql/passwords/placeholder.ts'
import type { ExpandedLine, Token } from './expand.ts'
import { refuseOption, refuseOptions } from './options.ts'
import { refusePattern } from './pattern.ts'

/** Why the server refuses a line, in its words. */
export interface Refusal {
  fault: string
}

/** Reads the fields of a line in the server's order, so that of two faults it is the one that the server names. */
export function readRecord({ at, fields }: ExpandedLine, major: number): AuthenticationRecord | Refusal {
  const [types, databases, users, ...rest] = fields
  if (types === undefined) return refused('end-of-line before connection type')
  if (types.length > 1) return refused('multiple values specified for connection type')
  const type = types[0].text
  const hostType = hostTypes.find((known) => known === type)
  if (hostType === undefined && type !== 'local') return refused(`invalid connection type "${type}"`)
  if (databases === undefined) return refused('end-of-line before database specification')
  const wrongDatabase = refuseNames(databases)
  if (wrongDatabase !== undefined) return wrongDatabase
  if (users === undefined) return refused('end-of-line before role specification')
  const wrongUser = refuseNames(users)
  if (wrongUser !== undefined) return wrongUser
  const names = { databases: databases.map(nameOf), users: users.map(nameOf), at }

  if (hostType === undefined) {
    const methods = readMethod('local', rest, major)
    return 'fault' in methods ? methods : { type: 'local', ...names, ...methods }
  }
  const host = readAddress(rest)
  if ('fault' in host) return host
  const methods = readMethod(hostType, host.rest, major)
  return 'fault' in methods ? methods : { type: hostType, ...names, address: host.address, ...methods }
}

type Fields = ExpandedLine['fields']

function refused(fault: string): Refusal {
  return { fault }
}

function nameOf({ text, quoted }: Token): { text: string; quoted: boolean } {
  return { text, quoted }
}

function refuseNames(tokens: readonly Token[]): Refusal | undefined {
  for (const { text } of tokens) {
    const fault = text.startsWith('/') ? refusePattern(text.slice(1)) : undefined
    if (fault !== undefined) return refused(fault)
  }
  return undefined
}

function readAddress([field, ...rest]: Fields): { address: HostAddress; rest: Fields } | Refusal {
  if (field === undefined) return refused('end-of-line before IP address specification')
  if (field.length > 1) return refused('multiple values specified for host address')
  const { text, quoted } = field[0]
  if (!quoted && (text === 'all' || text === 'samehost' || text === 'samenet')) {
    return { address: { kind: text }, rest }
  }
  const slash = text.indexOf('/')
  const literal = slash === -1 ? text : text.slice(0, slash)
  const address = parseAddress(literal)
  if (address === undefined) {
    if (slash !== -1) return refused(`specifying both host name and CIDR mask is invalid: "${text}"`)
    return { address: { kind: 'name', name: literal }, rest }
  }
  if (slash !== -1) {
    const length = readInteger(text.slice(slash + 1))
    if (length === undefined || length < 0 || length > address.length * 8) {
      return refused(`invalid CIDR mask in address "${text}"`)
    }
    return { address: { kind: 'network', network: { address, mask: prefixMask(length, address.length) } }, rest }
  }
  const [masks, ...others] = rest
  if (masks === undefined) return refused('end-of-line before netmask specification')
  if (masks.length > 1) return refused('multiple values specified for netmask')
  const mask = parseAddress(masks[0].text)
  if (mask === undefined) return refused(`invalid IP mask "${masks[0].text}": Name or service not known`)
  if (mask.length !== address.length) return refused('IP address and mask do not match')
  return { address: { kind: 'network', network: { address, mask } }, rest: others }
}

/** As C's strtol() reads a whole text. */
function readInteger(text: string): number | undefined {
  return /^\s*[+-]?\d+$/.test(text) ? Number(text) : undefined
}

interface ReadMethod {
  method: AuthenticationMethod
  options: AuthenticationOption[]
}

function readMethod(type: AuthenticationRecord['type'], [field, ...rest]: Fields, major: number): ReadMethod | Refusal {
  if (field === undefined) return refused('end-of-line before authentication method')
  if (field.length > 1) return refused('multiple values specified for authentication type')
  const { text } = field[0]
  const known = authenticationMethods.find((each) => each === text)
  if (known === undefined || (known === 'oauth' && major < 18))
    return refused(`invalid authentication method "${text}"`)
  const method = known === 'ident' && type === 'local' ? 'peer' : known
  if (type === 'local' && method === 'gss') return refused('gssapi authentication is not supported on local sockets')
  if (type !== 'local' && method === 'peer') return refused('peer authentication is only supported on local sockets')
  if (type !== 'hostssl' && method === 'cert') {
    return refused('cert authentication is only supported on hostssl connections')
  }
  const context = { type, method, major }
  const options: AuthenticationOption[] = []
  const values = new Map<string, string>()
  for (const token of rest.flat()) {
    const equals = token.text.indexOf('=')
    // After a comma in a list of secrets without quotes this is one more of them.
    const isHidden = options.some((option) => secretOptions.has(option.name))
    if (equals === -1) {
      const shown = isHidden ? hiddenSecret : token.text
      return refused(`authentication option not in name=value format: ${shown}`)
    }
    const name = token.text.slice(0, equals)
    const value = token.text.slice(equals + 1)
    const fault = refuseOption(name, value, context)
    if (fault !== undefined)
      return refused(isHidden ? fault.replace(/^(unrecognized .*: ).*/s, `$1"${hiddenSecret}"`) : fault)
    values.set(name, value)
    options.push({ name, value: shownValue(name, value), at: optionPlace(token, name) })
  }
  const fault = refuseOptions(values, context)
  return fault === undefined ? { method, options } : refused(fault)
}

/** What nobody can log in with stays as it is written. */
function shownValue(name: string, value: string): string {
  return secretOptions.has(name) && passwordLooks(value) === 'real' ? hiddenSecret : value
}

/** The name alone: what follows may be a secret. */
function optionPlace({ at }: Token, name: string): TextPlace {
  const start = at.text.indexOf(name, at.span.start)
  const isWritten = start !== -1 && start < at.span.end
  return isWritten ? { ...at, span: { start, end: start + name.length } } : at
}
