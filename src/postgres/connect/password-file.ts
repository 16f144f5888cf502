/** What a line of the password file is looked up by. */
export interface PasswordKey {
  /** A name or address; `localhost` for a socket in a default directory, else the socket's directory. */
  host: string
  port: number
  database: string
  user: string
}

/**
 * The password in the first line of a password file that fits, with its line number, 1-based. As libpq reads it:
 * `host:port:database:user:password`, `*` fits anything, `\` takes the next character as it is, `#` begins a comment.
 * Source: PostgreSQL manual, "The Password File".
 * @param accepts whether a line that fits may be used, by its host; `*` is one for any host.
 */
export function findPassword(
  text: string,
  key: PasswordKey,
  accepts: (host: string, line: number) => boolean = () => true,
): { password: string; line: number } | undefined {
  const wanted = [key.host, String(key.port), key.database, key.user]
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\r+$/, '')
    if (line === '' || line.startsWith('#')) continue
    const fields = fieldsOf(line)
    if (fields.length < 5) continue
    const fits = wanted.every((value, at) => fields[at] === '*' || unescaped(fields[at] ?? '') === value)
    if (fits && accepts(fields[0] ?? '', index + 1)) return { password: unescaped(fields[4] ?? ''), line: index + 1 }
  }
  return undefined
}

/** Splits at colons that no backslash precedes; the fields stay escaped. */
function fieldsOf(line: string): string[] {
  const fields = ['']
  for (const [token] of line.matchAll(/\\.|[^]/g)) {
    if (token === ':') fields.push('')
    else fields[fields.length - 1] += token
  }
  return fields
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1')
}
