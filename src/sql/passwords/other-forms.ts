import type { ConnectionPassword } from './connection-password.ts'

const calls: readonly RegExp[] = [
  // DriverManager.getConnection(url, user, password)
  /getConnection\(\s*"jdbc:postgresql:(?:\/\/)?([^"\n/:?]*)[^"\n]*"\s*,\s*"([^"\n]*)"\s*,\s*"([^"\n]*)"/dg,
  // new PDO(dsn, user, password)
  /PDO\(\s*["']pgsql:(?:[^"'\n]*?host=([^;"'\n]*))?[^"'\n]*["']\s*,\s*["']([^"'\n]*)["']\s*,\s*["']([^"'\n]*)["']/dg,
]

/** Arguments by position: the third is the password. */
export function passwordsOfCalls(text: string): ConnectionPassword[] {
  return calls.flatMap((call) =>
    [...text.matchAll(call)].flatMap((match) => {
      const [, host, user, value] = match
      const [start, end] = match.indices?.[3] ?? []
      if (value === undefined || start === undefined || end === undefined) return []
      const place = { ...(user !== undefined && { user }), ...(host !== undefined && { host }) }
      return [{ span: { start, end }, value, form: 'argument' as const, of: 'postgres' as const, ...place }]
    }),
  )
}

const roleStatement =
  /\b(?:CREATE|ALTER)\s+(?:ROLE|USER)\s+(?:IF\s+EXISTS\s+)?["']?([\w$-]+)["']?[^;]{0,200}?\bPASSWORD\s+\\?'([^'\n\\]*)\\?'/dgi

/** `CREATE ROLE … PASSWORD '…'` in a script or a manifest. */
export function passwordsOfStatements(text: string): ConnectionPassword[] {
  return [...text.matchAll(roleStatement)].flatMap((match) => {
    const [, user, value] = match
    const [start, end] = match.indices?.[2] ?? []
    if (value === undefined || start === undefined || end === undefined) return []
    return [{ span: { start, end }, value, form: 'statement', of: 'postgres', ...(user !== undefined && { user }) }]
  })
}

const field = '((?:\\\\.|[^:\\\\\\n"\'])*)'
const passfileLine = new RegExp(`^(?!#)${field}:(?:\\d+|\\*):${field}:${field}:((?:\\\\.|[^\\\\\\n])+)$`, 'dgm')
const passfileEcho = new RegExp(
  `["']${field}:(?:\\d+|\\*):${field}:${field}:((?:\\\\.|[^\\\\\\n"'])+)["'].{0,200}pgpass`,
  'dg',
)

/** `host:port:database:user:password`. Source: PostgreSQL manual, "The Password File". */
export function passwordsOfPassfile(text: string, isPassfile: boolean): ConnectionPassword[] {
  if (!isPassfile && !text.includes('pgpass')) return []
  return [...text.matchAll(isPassfile ? passfileLine : passfileEcho)].flatMap((match) => {
    const [, host, , user, value] = match
    const [start, end] = match.indices?.[4] ?? []
    if (value === undefined || start === undefined || end === undefined) return []
    const place = { ...(user !== undefined && { user }), ...(host !== undefined && { host }) }
    return [{ span: { start, end }, value: unescaped(value), form: 'passfile', of: 'postgres', ...place }]
  })
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1')
}

/**
 * `"user" "password"` of PgBouncer's auth_file. An MD5 hash logs in as well as the password does; a SCRAM verifier does
 * not. Source: PgBouncer manual, "Authentication file format".
 */
export function passwordsOfUserlist(text: string): ConnectionPassword[] {
  return [...text.matchAll(/^[ \t]*"((?:[^"\n]|"")*)"[ \t]+"((?:[^"\n]|"")+)"/dgm)].flatMap((match) => {
    const [, user, value = ''] = match
    const [start, end] = match.indices?.[2] ?? []
    if (value.startsWith('SCRAM-SHA-256$') || start === undefined || end === undefined) return []
    return [{ span: { start, end }, value, form: 'userlist', of: 'postgres', ...(user !== undefined && { user }) }]
  })
}
