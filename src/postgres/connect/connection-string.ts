import { usageError } from '../../errors.ts'
import { keywords, parametersOfDrivers } from './keywords.ts'

/** The values that a connection string names, by keyword. */
export interface ConnectionString {
  values: ReadonlyMap<string, string>
  /** Query parameters that are another driver's, left aside. */
  foreign: readonly string[]
}

/**
 * Reads a connection URL (`postgresql://` or `postgres://`) or a keyword/value string (`host=… dbname=…`) as libpq
 * does. One difference: an `@` in the host or path of a URL is refused, because it is nearly always the rest of a
 * password that was not percent-encoded. No message shows a part of the string that may belong to a password.
 * Source: PostgreSQL manual, "Connection Strings".
 * @param given where the string was given, for messages: `--url`, `DATABASE_URL`.
 * @throws KeiError `invalid-connection-string`
 */
export function parseConnectionString(text: string, given: string): ConnectionString {
  const scheme = /^([a-z][a-z0-9+.-]*):(\/\/)?/i.exec(text)
  if (text.startsWith('postgresql://') || text.startsWith('postgres://')) return parseUrl(text, given)
  if (scheme?.[2] !== undefined || (scheme !== null && !text.includes('='))) {
    throw invalid(given, `it begins with ${scheme[0]}`, 'A PostgreSQL URL begins with postgresql:// or postgres://.')
  }
  if (!text.includes('=')) {
    const hint = 'Write it as postgresql://user@host:5432/database or host=… dbname=….'
    throw invalid(given, 'it is neither a URL nor keyword=value pairs', hint)
  }
  return { values: parseKeywordValues(text, given), foreign: [] }
}

function parseUrl(text: string, given: string): ConnectionString {
  const values = new Map<string, string>()
  const decode = (part: string) => percentDecoded(part, given)
  const store = (keyword: string, raw: string) => {
    if (raw !== '') values.set(keyword, decode(raw))
  }

  let rest = text.slice(text.indexOf('://') + 3)
  const userinfo = /^([^@/]*)@/.exec(rest)?.[1]
  if (userinfo !== undefined) {
    const colon = userinfo.indexOf(':')
    store('user', colon === -1 ? userinfo : userinfo.slice(0, colon))
    if (colon !== -1) store('password', userinfo.slice(colon + 1))
    rest = rest.slice(userinfo.length + 1)
  }
  const question = rest.indexOf('?')
  const beforeQuery = question === -1 ? rest : rest.slice(0, question)
  if (beforeQuery.includes('@')) {
    const hint = 'Percent-encode special characters of the password: @ as %40, / as %2F, : as %3A, % as %25.'
    throw invalid(given, 'it has an @ where a host or database should be', hint)
  }

  const slash = beforeQuery.indexOf('/')
  const { hosts, ports } = parseAuthority(slash === -1 ? beforeQuery : beforeQuery.slice(0, slash), given)
  store('host', hosts.join(','))
  store('port', ports.join(','))
  if (slash !== -1) store('dbname', beforeQuery.slice(slash + 1))
  const foreign = question === -1 ? [] : parseQuery(rest.slice(question + 1), values, given)
  return { values, foreign }
}

function parseAuthority(text: string, given: string): { hosts: string[]; ports: string[] } {
  const hosts: string[] = []
  const ports: string[] = []
  // An IPv6 address stands in brackets and holds colons, but no comma.
  for (const entry of text.split(',')) {
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(entry)
    if (entry.startsWith('[')) {
      if (bracketed === null || bracketed[1] === '') {
        throw invalid(given, 'its IPv6 address is not complete', 'Write it as postgresql://[::1]:5432/database.')
      }
      hosts.push(bracketed[1] ?? '')
      ports.push(bracketed[2] ?? '')
    } else {
      const colon = entry.indexOf(':')
      hosts.push(colon === -1 ? entry : entry.slice(0, colon))
      ports.push(colon === -1 ? '' : entry.slice(colon + 1))
    }
  }
  return { hosts, ports }
}

/** Sets the values that the query names and returns the names that are another driver's. */
function parseQuery(query: string, values: Map<string, string>, given: string): string[] {
  const foreign: string[] = []
  // One & at the end is let pass, as libpq does.
  const pairs = query.replace(/(?<=.)&$/, '')
  for (const pair of pairs === '' ? [] : pairs.split('&')) {
    const parts = pair.split('=')
    if (parts.length !== 2) {
      const hint = 'Query parameters are written name=value, joined by &; percent-encode = as %3D and & as %26.'
      throw invalid(given, 'a query parameter is not of the form name=value', hint)
    }
    let keyword = percentDecoded(parts[0] ?? '', given)
    let value = percentDecoded(parts[1] ?? '', given)
    // As JDBC writes it; libpq reads it too.
    if (keyword === 'ssl' && value === 'true') [keyword, value] = ['sslmode', 'require']
    if (Object.hasOwn(keywords, keyword)) values.set(keyword, value)
    else if (parametersOfDrivers.has(keyword)) foreign.push(keyword)
    else throw unknownKeyword(given, keyword, true)
  }
  return foreign
}

/** Spaces at the ends are trimmed and others refused, as libpq 18 does; older ones take them as they are. */
function percentDecoded(text: string, given: string): string {
  const trimmed = text.replace(/^ +| +$/g, '')
  const hint = 'Percent-encode special characters: % as %25, space as %20.'
  if (trimmed.includes(' ')) throw invalid(given, 'it has a space', hint)
  if (/%(?![0-9a-f]{2})|%00/i.test(trimmed)) throw invalid(given, 'a percent-encoded character is wrong', hint)
  return trimmed.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

function parseKeywordValues(text: string, given: string): Map<string, string> {
  const values = new Map<string, string>()
  const space = /\s*/y
  const word = /[^\s=]*/y
  // A backslash takes the next character as it is, with and without quotes.
  const bare = /(?:\\[^]|[^\\\s])*/y
  const quoted = /'((?:\\[^]|[^\\'])*)'/y
  let at = 0
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const hint = "Write keyword=value pairs; a value with spaces stands in single quotes, ' and \\ in it as \\' and \\\\."
  for (read(space); at < text.length; read(space)) {
    const start = at
    const keyword = read(word)?.[0] ?? ''
    read(space)
    if (text[at] !== '=') throw invalid(given, `"=" is missing after character ${start + keyword.length}`, hint)
    at += 1
    read(space)
    const isQuoted = text[at] === "'"
    const raw = isQuoted ? read(quoted)?.[1] : read(bare)?.[0]
    if (raw === undefined) throw invalid(given, `the quote at character ${at + 1} is not closed`, hint)
    if (!Object.hasOwn(keywords, keyword)) throw unknownKeyword(given, keyword, !values.has('password'))
    values.set(keyword, raw.replace(/\\([^])/g, '$1'))
    // What stops a bare value before a space is a backslash at the very end, which libpq drops.
    if (!isQuoted && text[at] === '\\') at += 1
  }
  return values
}

/** @param nameIt false when the word may be the rest of a password that was not quoted. */
function unknownKeyword(given: string, keyword: string, nameIt: boolean): Error {
  const named = nameIt && /^\w{1,40}$/.test(keyword) ? `parameter "${keyword}"` : 'a parameter'
  const hint = 'The parameters are those of libpq: https://www.postgresql.org/docs/current/libpq-connect.html'
  return invalid(given, `it has ${named} that PostgreSQL does not know`, hint)
}

function invalid(given: string, why: string, hint: string): Error {
  return usageError({
    code: 'invalid-connection-string',
    message: `The connection string in ${given} cannot be read: ${why}.`,
    hint,
  })
}
