import type { ConnectionPassword } from './connection-password.ts'
import { lineStart, nameBefore, quoteEnd } from './values.ts'

/** What drivers and frameworks call a URL of PostgreSQL and of what speaks its protocol. */
const scheme =
  /(?:postgres(?:ql)?|postgis|pdo[-_]pgsql|pgsql|pg|psql|timescale(?:db)?|cockroach(?:db)?|alloydb|yugabyte(?:db)?|greenplum|ecto)(?:[+:][a-z][\w-]{0,20}){0,2}:\/\//gi

/** `scheme://user:PASSWORD@host`, and `password=` among its parameters. */
export function passwordsOfUrls(text: string): ConnectionPassword[] {
  const found: ConnectionPassword[] = []
  scheme.lastIndex = 0
  for (let match = scheme.exec(text); match !== null; match = scheme.exec(text)) {
    if (/\w/.test(text[match.index - 1] ?? '')) continue
    const start = scheme.lastIndex
    const url = text.slice(start, urlEnd(text, match.index, start))
    if (!/[@=]/.test(url)) continue
    const name = nameOfUrl(text, match.index)
    found.push(...passwordsOfUrl(url, start).map((each) => ({ ...each, ...(name !== undefined && { name }) })))
  }
  return found
}

/** In UTF-16 code units; a longer URL is none. */
const longestUrl = 2048

function urlEnd(text: string, schemeStart: number, start: number): number {
  const limit = text.slice(start, start + longestUrl)
  let before = schemeStart - 1
  // `jdbc:postgresql://`, `r2dbc:pool:postgresql://`
  while (/[a-z:0-9]/i.test(text[before] ?? '')) before--
  const quote = text[before] ?? ''
  const closing = quoteEnd(limit, quote)
  const space = limit.search(/\s/)
  // In quotes a password may have spaces; what follows a whole URL is something else.
  const isWhole = closing === undefined || limit.slice(0, space).includes('@')
  const next = limit.search(/[\s,;]\s?(?:jdbc:)?[a-z+]{2,20}:\/\//i)
  const ends = [closing ?? limit.search(/["'`]/), next, isWhole ? space : -1, limit.length].filter((each) => each >= 0)
  return start + Math.min(...ends)
}

function passwordsOfUrl(url: string, base: number): ConnectionPassword[] {
  const found: ConnectionPassword[] = []
  const userinfo = userinfoEnd(url)
  const [host] = /^(?:\[[^\]]*\]|\$\{[^}]*\}|\{\{[^}]*\}\}|[^:/?,])*/.exec(url.slice(userinfo + 1)) ?? ['']
  const user = /^[^:]*/.exec(url.slice(0, Math.max(userinfo, 0)))?.[0] ?? ''
  if (userinfo > user.length + 1) {
    const span = { start: base + user.length + 1, end: base + userinfo }
    found.push({
      span,
      value: percentDecoded(url.slice(user.length + 1, userinfo)),
      form: 'url',
      of: 'postgres',
      user: percentDecoded(user),
      host,
    })
  }
  const parameter = /[?&](?:password|sslpassword)=([^&#\s"'`]+)/i.exec(url)
  if (parameter?.[1] !== undefined) {
    const start = base + parameter.index + parameter[0].length - parameter[1].length
    const named = /[?&]user=([^&#\s"'`]*)/i.exec(url)?.[1]
    found.push({
      span: { start, end: start + parameter[1].length },
      value: percentDecoded(parameter[1]),
      form: 'url',
      of: 'postgres',
      ...(named !== undefined && { user: percentDecoded(named) }),
      host,
    })
  }
  return found
}

/** Where the `@` is that ends the userinfo: the last one before the parameters, as people forget to encode it; or -1. */
function userinfoEnd(url: string): number {
  const first = url.indexOf('@')
  if (first === -1 || /^[\w.,-]*(?::\d+)?(?:,[\w.-]+(?::\d+)?)*[/?]/.test(url.slice(0, first))) return -1
  const question = url.indexOf('?', first)
  return url.slice(0, question === -1 ? url.length : question).lastIndexOf('@')
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The variable or key that the URL is given to. */
function nameOfUrl(text: string, at: number): string | undefined {
  const before = text.slice(Math.max(lineStart(text, at), at - 60), at)
  const sign = /["'\])]{0,2}\s{0,4}(?:=>|:=|[:=]|\?\?|\|\||,)\s{0,4}\\?["'`]?(?:jdbc:|r2dbc:(?:pool:)?)?$/.exec(
    before,
  )?.[0]
  return sign === undefined ? undefined : nameBefore(text, at - sign.length) || undefined
}
