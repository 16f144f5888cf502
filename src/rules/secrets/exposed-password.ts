import type { Severity } from '../../findings/finding.ts'
import type { ConnectionPassword } from '../../sql/passwords/connection-password.ts'
import { findPasswords } from '../../sql/passwords/find.ts'
import { hostLooks, passwordLooks } from '../../sql/passwords/placeholder.ts'

/** A password that somebody who reads the file may use. */
export interface ExposedPassword {
  password: ConnectionPassword
  severity: Severity
  /** The same password further down in the file. */
  again: ConnectionPassword[]
}

/** The exposed passwords of a file, each once, at its most serious place. */
export function exposedPasswords(
  file: string,
  text: string,
  isAsked: (password: ConnectionPassword) => boolean,
): ExposedPassword[] {
  const isTest = testFile.test(file)
  const found = new Map<string, ExposedPassword>()
  for (const password of findPasswords(file, text)) {
    const severity = isAsked(password) ? severityOf(password, isTest) : undefined
    if (severity === undefined) continue
    const known = found.get(password.value)
    if (known === undefined) found.set(password.value, { password, severity, again: [] })
    else known.again.push(password)
    if (known !== undefined && rank(severity) < rank(known.severity)) known.severity = severity
  }
  return [...found.values()]
}

/** By the customs of languages and test runners. */
const testFile =
  /(?:^|\/)(?:tests?|specs?|__tests__|__mocks__|e2e|testing)\/|[._-](?:test|spec)s?\.[a-z]+$|(?:^|\/)test_[^/]*\.py$|Tests?\.(?:java|kt|cs|scala)$/i

/**
 * A password that looks like one is an error where its host can be reached by others, a warning where nothing says
 * which host, a note on the reader's own machine. A placeholder is a note on such a host, as many are left as they are;
 * elsewhere it is nothing. Nothing is what something else puts in, what is for a host that cannot exist, and in tests
 * what is for no host that can be reached by others.
 */
function severityOf({ value, host, user, database }: ConnectionPassword, isTest: boolean): Severity | undefined {
  const where = hostLooks(host)
  const looks = passwordLooks(value, [user, database])
  if (looks === 'absent' || where === 'example' || (isTest && where !== 'remote')) return undefined
  if (looks === 'placeholder') return where === 'remote' && !isTest ? 'note' : undefined
  if (where === 'local') return 'note'
  return where === 'remote' ? 'error' : 'warning'
}

function rank(severity: Severity): number {
  return ['error', 'warning', 'note'].indexOf(severity)
}

/** Where the password stands, in words, without it: `DATABASE_URL (shop at db.shop.internal)`. */
export function describePassword(password: ConnectionPassword): string {
  const [user, host] = [password.user, password.host].map((word) =>
    /^[\w.-]{1,80}$/.test(word ?? '') ? word : undefined,
  )
  const whose = user !== undefined && host !== undefined ? `${user} at ${host}` : (user ?? host)
  return whose === undefined ? holderOf(password) : `${holderOf(password)} (${whose})`
}

/** The variable that has it, or what it is written in. */
export function holderOf({ form, name }: ConnectionPassword): string {
  return name ?? holders[form]
}

const holders = {
  url: 'a connection URL',
  keywords: 'a connection string',
  variable: 'a variable',
  passfile: 'a password file',
  userlist: 'the user list of PgBouncer',
  statement: 'a statement about a role',
  argument: 'the arguments of a connection',
} as const
