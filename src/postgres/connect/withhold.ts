import { KeiError } from '../../errors.ts'
import { gather, stringsOfEnvironment } from './gather.ts'
import type { Gathered, GivenString, Surroundings, Values } from './gather.ts'
import { sslModes } from './keywords.ts'
import { describeOrigin } from './origin.ts'
import type { Origin } from './origin.ts'

/** Where a secret would go, as it was given; both empty for the default sockets. */
export interface Place {
  host: string
  address: string
}

/** Decides which secrets of the user's go where. */
export interface Withholding {
  /** Why a secret from `origin` does not go to the place, to end a sentence with; undefined when it may. */
  reason(origin: Origin, place: Place): string | undefined
  /** What the place is called in the password file. */
  passwordKey(place: Place): string
}

/** The compiled default of Debian and Red Hat, then that of PostgreSQL itself. */
export const socketDirectories = ['/var/run/postgresql', '/tmp']

/**
 * What keeps a stranger's repository from harvesting secrets by naming a host of its own. Where a repository chose the
 * string, a secret of the user's surroundings goes along only to a host that the surroundings themselves name:
 *
 * - PGPASSWORD, a client certificate, and a line of the password file for any host (`*`): to the hosts of PGHOST,
 *   PGHOSTADDR, PGSERVICE, KEI_DATABASE_URL and DATABASE_URL (of the default sockets and localhost, where they name
 *   none), and to those that the target's service names.
 * - What the target's service holds: to the service's own host.
 * - A line of the password file that names the host: there, as always; the host is where the session really goes,
 *   the address where the string gives one.
 *
 * None of these goes along where the string weakens the TLS that the surroundings ask for. What stands in the string
 * itself goes where the string says.
 */
export function withholding(
  surroundings: Surroundings,
  given: GivenString | undefined,
  { values, overridden }: Gathered,
): Withholding {
  if (given?.by !== 'repository') {
    return { reason: () => undefined, passwordKey: ({ host, address }) => keyOf(host || address) }
  }
  const isNamed = (keyword: string) => values.get(keyword)?.origin.kind === 'connection string'
  const namesAddress = isNamed('hostaddr') && values.get('hostaddr')?.value !== ''
  const namesPlace = namesAddress || (!values.get('hostaddr')?.value && isNamed('host'))
  const own = hostsOfUser(surroundings)
  const weakened = weakenedTls(values, overridden, surroundings)
  const passwordKey = ({ host, address }: Place) => keyOf((namesAddress && address) || host || address)
  return {
    passwordKey,
    reason(origin, place) {
      if (origin.kind === 'connection string') return undefined
      const isSocket = place.address === '' && (place.host === '' || place.host.startsWith('/'))
      if (weakened !== undefined && !isSocket) return `${given.name} weakens ${weakened}`
      if (!namesPlace || (origin.kind === 'password file' && !origin.anyHost)) return undefined
      if (origin.kind === 'service') return `${given.name} names a host of its own beside the service`
      if (own.has(passwordKey(place))) return undefined
      const remedy =
        origin.kind === 'password file'
          ? 'a line with that host in it would do'
          : 'setting PGHOST to that host would do'
      return `only ${given.name} names that host; ${remedy}`
    },
  }
}

/** The hosts and addresses that the user's own surroundings name, as the password file calls them. */
function hostsOfUser(surroundings: Surroundings): ReadonlySet<string> {
  return new Set(
    [undefined, ...stringsOfEnvironment(surroundings)].flatMap((given) => {
      try {
        const { values } = gather(surroundings, given, [])
        const named = ['host', 'hostaddr'].flatMap((keyword) => values.get(keyword)?.value.split(',') ?? [])
        return named.length === 0 ? [keyOf('')] : named.map(keyOf)
      } catch (error) {
        // A variable that cannot be read names no host, and is not what was asked for.
        if (error instanceof KeiError) return []
        throw error
      }
    }),
  )
}

function keyOf(host: string): string {
  return host === '' || socketDirectories.includes(host) ? 'localhost' : host
}

/** What of the user's TLS the string weakens; undefined when nothing. */
function weakenedTls(values: Values, overridden: Values, { homeDirectory, file }: Surroundings): string | undefined {
  const shown = (keyword: string) => {
    const parameter = overridden.get(keyword)
    return parameter === undefined ? keyword : `${keyword} (${describeOrigin(parameter.origin)})`
  }
  const strength = (mode: string | undefined) => sslModes.findIndex((candidate) => candidate === mode)
  const mode = values.get('sslmode')
  const userMode =
    overridden.get('sslmode')?.value || (mode?.origin.kind === 'connection string' ? undefined : mode?.value)
  if (strength(userMode) > strength(mode?.value)) return shown('sslmode')

  if (overridden.get('channel_binding')?.value === 'require' && values.get('channel_binding')?.value !== 'require') {
    return shown('channel_binding')
  }
  const root = values.get('sslrootcert')
  if (root?.origin.kind !== 'connection string' || strength(userMode) < strength('require')) return undefined
  const usual = `${homeDirectory}/.postgresql/root.crt`
  const userRoot = overridden.get('sslrootcert')?.value || (file(usual).kind === 'text' ? usual : undefined)
  return userRoot !== undefined && userRoot !== root.value ? shown('sslrootcert') : undefined
}
