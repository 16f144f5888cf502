import type { Surroundings, Values } from './gather.ts'
import { set } from './gather.ts'
import { describeOrigin } from './origin.ts'
import type { Origin } from './origin.ts'
import { findPassword } from './password-file.ts'
import type { HostCandidate } from './resolve.ts'
import type { Place, Withholding } from './withhold.ts'

/** What a candidate gets. */
export type PasswordOf = Pick<HostCandidate, 'password' | 'passwordOrigin' | 'withheld'>

/**
 * Looks a candidate's password up: the one that was given, for all alike, else that of the password file, by host. As
 * far as it is not withheld; a note then says why.
 */
export function passwordsOf(
  values: Values,
  surroundings: Surroundings,
  rules: Withholding,
  { user, database }: { user: string; database: string },
  notes: string[],
): (place: Place, port: number) => PasswordOf {
  const given = values.get('password')
  const isGiven = given !== undefined && given.value !== ''
  let read: PasswordFile | undefined

  return (place, port) => {
    const key = rules.passwordKey(place)
    const reasons: string[] = []
    const isWithheld = (origin: Origin): boolean => {
      const reason = rules.reason(origin, place)
      if (reason !== undefined) {
        reasons.push(`${describeOrigin(origin)} gives no password to ${key}: ${reason}.`)
      }
      return reason !== undefined
    }
    if (isGiven && !isWithheld(given.origin)) return { password: given.value, passwordOrigin: given.origin }
    read ??= readPasswordFile(values, surroundings, notes)
    const { file, text } = read
    const originOf = (line: number, host: string): Origin => ({
      kind: 'password file',
      file,
      line,
      ...(host === '*' && { anyHost: true }),
    })
    let passwordOrigin: Origin | undefined
    const found = findPassword(text, { host: key, port, database, user }, (host, line) => {
      passwordOrigin = originOf(line, host)
      return !isWithheld(passwordOrigin)
    })
    if (found !== undefined && passwordOrigin !== undefined) return { password: found.password, passwordOrigin }
    notes.push(...reasons)
    return reasons[0] === undefined ? {} : { withheld: reasons.join(' ') }
  }
}

interface PasswordFile {
  file: string
  /** Empty when it is not there or must not be used. */
  text: string
}

function readPasswordFile(values: Values, { homeDirectory, file: read }: Surroundings, notes: string[]): PasswordFile {
  if (!values.get('passfile')?.value) set(values, 'passfile', `${homeDirectory}/.pgpass`, { kind: 'default' })
  const file = values.get('passfile')?.value ?? ''
  const state = read(file)
  if (state.kind === 'unreadable') notes.push(`The password file ${file} was ignored: it ${state.reason}.`)
  if (state.kind !== 'text') return { file, text: '' }
  if (state.openToOthers) {
    notes.push(`The password file ${file} was ignored: others may read it. Run: chmod 0600 ${file}`)
    return { file, text: '' }
  }
  return { file, text: state.text }
}
