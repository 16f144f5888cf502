import type { AuthenticationMethod, AuthenticationRecord } from '../../findings/authentication.ts'

/** What decides which options a line may have. */
export interface OptionContext {
  type: AuthenticationRecord['type']
  method: AuthenticationMethod
  /** The server's major. */
  major: number
}

/** The one method that an option is for; source: PostgreSQL manual, "Client Authentication". */
const methodOf: Readonly<Record<string, AuthenticationMethod>> = {
  pamservice: 'pam',
  pam_use_hostname: 'pam',
  ldapurl: 'ldap',
  ldaptls: 'ldap',
  ldapscheme: 'ldap',
  ldapserver: 'ldap',
  ldapport: 'ldap',
  ldapbinddn: 'ldap',
  ldapbindpasswd: 'ldap',
  ldapsearchattribute: 'ldap',
  ldapsearchfilter: 'ldap',
  ldapbasedn: 'ldap',
  ldapprefix: 'ldap',
  ldapsuffix: 'ldap',
  compat_realm: 'sspi',
  upn_username: 'sspi',
  radiusservers: 'radius',
  radiusports: 'radius',
  radiussecrets: 'radius',
  radiusidentifiers: 'radius',
}

const oauthOptions = ['issuer', 'scope', 'validator', 'delegate_ident_mapping']

/** Why the server refuses an option where it stands, in its words; undefined when it takes it. */
export function refuseOption(name: string, value: string, context: OptionContext): string | undefined {
  const { type, method, major } = context
  const only = major >= 18 && oauthOptions.includes(name) ? 'oauth' : methodOf[name]
  if (only !== undefined) return method === only ? refuseValue(name, value) : onlyFor(name, only)
  switch (name) {
    case 'map': {
      const mapped = ['ident', 'peer', 'gss', 'sspi', 'cert', ...(major >= 18 ? ['oauth'] : [])]
      if (mapped.includes(method)) return undefined
      return onlyFor(
        name,
        major >= 18 ? 'ident, peer, gssapi, sspi, cert, and oauth' : 'ident, peer, gssapi, sspi, and cert',
      )
    }
    case 'krb_realm':
    case 'include_realm':
      return method === 'gss' || method === 'sspi' ? undefined : onlyFor(name, 'gssapi and sspi')
    case 'clientcert':
    case 'clientname':
      if (type !== 'hostssl') return `${name} can only be configured for "hostssl" rows`
      return refuseCertificate(name, value, method)
    default:
      return `unrecognized authentication option name: "${name}"`
  }
}

/** Why the server refuses a line whose options are each in order; `options` has the value that counts. */
export function refuseOptions(
  options: ReadonlyMap<string, string>,
  { method, major }: OptionContext,
): string | undefined {
  const has = (...names: string[]) => names.some((name) => options.has(name))
  switch (method) {
    case 'ldap':
      return refuseLdap(options, major)
    case 'radius':
      return refuseRadius(options)
    case 'oauth': {
      const missing = ['scope', 'issuer'].find((name) => !options.has(name))
      if (missing !== undefined) return requires('oauth', missing)
      const skips = options.get('delegate_ident_mapping') === '1'
      return skips && has('map') ? 'map cannot be used in combination with delegate_ident_mapping' : undefined
    }
    default:
      return undefined
  }
}

function onlyFor(name: string, methods: string): string {
  return `authentication option "${name}" is only valid for authentication methods ${methods}`
}

function requires(method: string, option: string): string {
  return `authentication method "${method}" requires argument "${option}" to be set`
}

function refuseCertificate(name: string, value: string, method: AuthenticationMethod): string | undefined {
  const known = name === 'clientcert' ? ['verify-full', 'verify-ca'] : ['CN', 'DN']
  if (!known.includes(value)) return `invalid value for ${name}: "${value}"`
  return value === 'verify-ca' && method === 'cert'
    ? 'clientcert can only be set to "verify-full" when using "cert" authentication'
    : undefined
}

function refuseValue(name: string, value: string): string | undefined {
  switch (name) {
    case 'ldapurl': {
      const [, scheme] = /^(?:<?URL:|<)?(ldap|ldaps|ldapi):\/\//i.exec(value) ?? []
      if (scheme === undefined) return `could not parse LDAP URL "${value}"`
      return /^ldaps?$/i.test(scheme) ? undefined : `unsupported LDAP URL scheme: ${scheme}`
    }
    case 'ldapport':
      return leadingInteger(value) === 0 ? `invalid LDAP port number: "${value}"` : undefined
    case 'radiusports':
      return splitList(value)?.every((port) => leadingInteger(port) !== 0) === true
        ? undefined
        : `invalid RADIUS port number: "${value}"`
    case 'radiusservers':
      return splitList(value) === undefined ? `could not parse RADIUS server list "${value}"` : undefined
    case 'radiussecrets':
      // The value is a secret.
      return splitList(value) === undefined ? 'could not parse RADIUS secret list' : undefined
    case 'radiusidentifiers':
      return splitList(value) === undefined ? `could not parse RADIUS identifiers list "${value}"` : undefined
    default:
      return undefined
  }
}

function refuseLdap(options: ReadonlyMap<string, string>, major: number): string | undefined {
  const has = (...names: string[]) => names.some((name) => options.has(name))
  const { base, attributes, filter } = splitLdapUrl(options.get('ldapurl') ?? '')
  const hasBase = has('ldapbasedn') || base !== undefined
  const hasAttribute = has('ldapsearchattribute') || attributes !== undefined
  const hasFilter = has('ldapsearchfilter') || filter !== undefined
  if (has('ldapprefix', 'ldapsuffix')) {
    if (!hasBase && !has('ldapbinddn', 'ldapbindpasswd') && !hasAttribute && !hasFilter) return undefined
    const others = 'ldapbasedn, ldapbinddn, ldapbindpasswd, ldapsearchattribute, ldapsearchfilter, or ldapurl'
    return major < 18
      ? `cannot use ${others} together with ldapprefix`
      : 'cannot mix options for simple bind and search+bind modes'
  }
  if (!hasBase) {
    return 'authentication method "ldap" requires argument "ldapbasedn", "ldapprefix", or "ldapsuffix" to be set'
  }
  return hasAttribute && hasFilter ? 'cannot use ldapsearchattribute together with ldapsearchfilter' : undefined
}

/** What of a URL (RFC 4516) sets an option: a base also when it is empty, the others not. */
function splitLdapUrl(url: string): { base?: string; attributes?: string; filter?: string } {
  const [, , path] = /:\/\/([^/]*)(?:\/(.*))?$/s.exec(url) ?? []
  if (path === undefined) return {}
  const [base = '', attributes = '', , filter = ''] = path.split('?')
  return { base, ...(attributes !== '' && { attributes }), ...(filter !== '' && { filter }) }
}

function refuseRadius(options: ReadonlyMap<string, string>): string | undefined {
  const count = (name: string) => splitList(options.get(name) ?? '')?.length ?? 0
  // An empty list is none for the server.
  const missing = ['radiusservers', 'radiussecrets'].find((name) => count(name) === 0)
  if (missing !== undefined) return requires('radius', missing)
  const servers = count('radiusservers')
  const lists = { secrets: 'radiussecrets', ports: 'radiusports', identifiers: 'radiusidentifiers' }
  for (const [words, name] of Object.entries(lists)) {
    const own = count(name)
    if (own > 1 && own !== servers) {
      return `the number of RADIUS ${words} (${own}) must be 1 or the same as the number of RADIUS servers (${servers})`
    }
  }
  return undefined
}

/** The items of a list as settings have them: commas between them, quotes where an item has blanks or commas. */
function splitList(text: string): string[] | undefined {
  const items: string[] = []
  let rest = text.trimStart()
  if (rest === '') return items
  for (;;) {
    const [item, quoted] = /^"((?:[^"]|"")*)"/.exec(rest) ?? /^[^,\s]+/.exec(rest) ?? []
    if (item === undefined || (quoted === undefined && item.startsWith('"'))) return undefined
    items.push(quoted?.replaceAll('""', '"') ?? item)
    rest = rest.slice(item.length).trimStart()
    if (rest === '') return items
    if (!rest.startsWith(',')) return undefined
    rest = rest.slice(1).trimStart()
  }
}

/** As C's atoi() reads it: the digits that a text begins with, else 0. */
function leadingInteger(text: string): number {
  return Number(/^\s*[+-]?\d+/.exec(text)?.[0] ?? 0)
}
