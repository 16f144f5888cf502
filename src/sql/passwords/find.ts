import type { Span } from '../positions.ts'
import { secretsInSql } from '../redact.ts'
import { mergedSpans, secretsInText } from '../text-secrets.ts'
import type { ConnectionPassword } from './connection-password.ts'
import { passwordsOfNames } from './named-values.ts'
import { passwordsOfCalls, passwordsOfPassfile, passwordsOfStatements, passwordsOfUserlist } from './other-forms.ts'
import { passwordsOfUrls } from './urls.ts'

/** Every text in which `findPasswords` finds something by its content matches. */
export const mayNamePassword = /:\/\/|pass|pwd|pgsql:/i

const passfileName = /(?:^|[/.])pgpass(?:\.conf)?$/i
const userlistName = /(?:^|\/)[^/]*userlist[^/]*\.txt$/i

/**
 * Where passwords of connections to PostgreSQL are written in a file of any kind, in order; of environment files all
 * that is named a password. They are found as written, references and placeholders too.
 * @param file its path: the name says how values are written there.
 */
export function findPasswords(file: string, text: string): ConnectionPassword[] {
  const name = file.replaceAll('\\', '/')
  if (userlistName.test(name)) return passwordsOfUserlist(text)
  if (passfileName.test(name)) return passwordsOfPassfile(text, true)
  if (!mayNamePassword.test(text)) return []
  const found = [
    ...passwordsOfUrls(text),
    ...passwordsOfCalls(text),
    ...passwordsOfStatements(text),
    ...passwordsOfPassfile(text, false),
    ...passwordsOfNames(name, text),
  ]
  return withoutOverlaps(found)
}

/** In order of place; of two that begin together the one that was found first. */
function withoutOverlaps(found: readonly ConnectionPassword[]): ConnectionPassword[] {
  const kept: ConnectionPassword[] = []
  let end = -1
  for (const each of found.toSorted((a, b) => a.span.start - b.span.start)) {
    if (each.span.start < end || each.span.end <= each.span.start) continue
    kept.push(each)
    end = each.span.end
  }
  return kept
}

/** A value whose name says that it is a secret, to the end of the line: more than needed, for what is only shown. */
const namedSecret =
  /(?:passw(?:or)?d|passwd|passphrase|pwd|pass|secrets?|token|credentials?|api_?key|private_?key|access_?key)\w*["'\])]{0,3}\s*(?:=>|:=|[:=,(])\s*["'`]?([^\s"'`]+)/dgi

/** Where secrets stand in a file of any kind, so that a line of it can be shown without them. In doubt too much. */
export function secretsInFile(file: string, text: string): Span[] {
  const passwords = findPasswords(file, text).map(({ span }) => span)
  if (/\.sql$/i.test(file)) return mergedSpans([...passwords, ...secretsInSql(text)])
  const named = [...text.matchAll(namedSecret)].flatMap((match) => {
    const [start, end] = match.indices?.[1] ?? []
    return start === undefined || end === undefined ? [] : [{ start, end }]
  })
  return mergedSpans([...passwords, ...secretsInText(text, 'prose'), ...named])
}
