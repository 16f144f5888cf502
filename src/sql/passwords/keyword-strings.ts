import type { Span } from '../positions.ts'
import type { ConnectionPassword } from './connection-password.ts'
import { lineEnd, lineStart } from './values.ts'

const keyword =
  '(?:host|hostaddr|port|dbname|user|sslmode|sslrootcert|connect_timeout|application_name|options|target_session_attrs|channel_binding|gssencmode)'
const keywordBefore = new RegExp(`(?:^|[\\s"'\`=(])${keyword}\\s{0,2}=\\s{0,2}(?:'[^'\\n]*'|[^\\s,;"'\`()]+)\\s+$`, 'i')
const keywordAfter = new RegExp(`^\\s+${keyword}\\s{0,2}=\\s{0,2}[^\\s,;"'\`=]`, 'i')

/** The keys of Npgsql, PDO and ODBC. */
const pairKey =
  '(?:host|server|database|dbname|username|user id|user name|userid|uid|user|port|pooling|ssl ?mode|timeout|driver)'
const pairBefore = new RegExp(`(?:^|[;"'\`:\\s=({])${pairKey}\\s*=\\s*[^;"'\`\\n]*;\\s*$`, 'i')
const pairAfter = new RegExp(`^;\\s*${pairKey}\\s*=`, 'i')
const otherServer =
  /initial catalog|trustservercertificate|multipleactiveresultsets|integrated security|data source\s*=|\\sqlexpress|encrypt\s*=|,\s?1433|tcp:|mysql|\bsa\s*;|persist security|:3306|port=3306|account(?:name|key)=|sharedaccess/i

/** As far as the line is looked through to each side. */
const reach = 600

/**
 * The password of a keyword string (`host=… password=…`, as libpq reads it, or `Host=…;Password=…`) whose keyword
 * stands from `start` to `end`; undefined when it is something else.
 */
export function keywordPassword(text: string, start: number, end: number): ConnectionPassword | undefined {
  if (!/^(?:ssl)?(?:password|passwd|pwd)$/i.test(text.slice(start, end))) return undefined
  const equals = /^[ \t]{0,2}=[ \t]{0,2}/.exec(text.slice(end, end + 6))?.[0]
  if (equals === undefined) return undefined
  const at = end + equals.length
  const before = text.slice(Math.max(lineStart(text, start), start - reach), start)
  const line = (after: number) => text.slice(after, Math.min(lineEnd(text, after), after + reach))

  const pair = pairValue(text, at)
  const all = before + line(start)
  if ((pairBefore.test(before) || pairAfter.test(line(pair.end))) && !otherServer.test(all)) {
    const value = text.slice(pair.start, pair.end)
    return { span: pair, value, form: 'keywords', of: 'postgres', ...connectionOf(all, ';') }
  }
  const span = keywordValue(text, at)
  // `password= user=app`: there is none.
  const isNext = /\s$/.test(equals) && /^\w+=/.test(text.slice(at, at + 80))
  if (span === undefined || isNext) return undefined
  const isQuoted = text[at] === "'"
  if (!keywordBefore.test(before) && !keywordAfter.test(line(span.end + (isQuoted ? 1 : 0)))) return undefined
  const value = text.slice(span.start, span.end).replace(/\\(.)/g, '$1')
  return { span, value, form: 'keywords', of: 'postgres', ...connectionOf(all, ' ') }
}

function pairValue(text: string, at: number): Span {
  const [value = ''] = /^[^;"'`\n]*/.exec(text.slice(at, at + reach)) ?? []
  return { start: at, end: at + value.trimEnd().length }
}

/** As libpq reads it: in single quotes, or to white space; a backslash takes what follows as it is. */
function keywordValue(text: string, at: number): Span | undefined {
  const part = text.slice(at, at + reach)
  const quoted = /^'((?:\\.|[^\\'\n])*)'/.exec(part)?.[1]
  if (quoted !== undefined) return quoted === '' ? undefined : { start: at + 1, end: at + 1 + quoted.length }
  const bare = /^(?:\$\{\{[^}\n]*\}\}|\{\{[^}\n]*\}\}|\$\([^)\n]*\)|\\.|[^\\\s"'`,;])+/.exec(part)?.[0]
  return bare === undefined ? undefined : { start: at, end: at + bare.length }
}

function connectionOf(line: string, separator: ';' | ' '): { host?: string; user?: string } {
  const value = separator === ';' ? '([^;"\'`\\n]*)' : "'?([^\\s\"'`;,]+)"
  const of = (key: string) => new RegExp(`(?:^|[^a-z])(?:${key})\\s*=\\s*${value}`, 'i').exec(line)?.[1]?.trim()
  const host = of('host|server|hostaddr')
  const user = of('user(?: id| ?name)?|uid|userid')
  return { ...(host !== undefined && { host }), ...(user !== undefined && { user }) }
}
