import type { DatabaseError } from 'pg'
import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { utf16OffsetOfCharacter } from '../sql/positions.ts'
import type { Span } from '../sql/positions.ts'
import { redactServerMessage, redactText } from '../sql/redact.ts'
import type { Statement } from '../sql/statement.ts'
import type { Blocker } from './event.ts'
import { failureAt } from './place.ts'
import type { Script } from './runner.ts'
import type { Step } from './step.ts'

/**
 * The error for a statement of a file that the server refused: where in the file, what PostgreSQL says, and what to do.
 * The step it stands in left nothing behind.
 */
export function statementRefusal(script: Script, step: Step, statement: Statement, error: DatabaseError): KeiError {
  const { code, next } = remedy(script, step, error)
  return failureAt(script.text, placeOf(statement, error), {
    code,
    message: serverText(error, statement.text),
    hint: [serverHint(error), next].filter((part) => part !== '').join(' '),
    cause: error,
  })
}

/** The error for a transaction that could not be committed: what is checked only then refused it. */
export function commitRefusal(script: Script, step: Step, error: DatabaseError): KeiError {
  return failure({
    code: 'commit-failed',
    message: `${script.text.file}: the transaction of ${numbered(step)} was refused at its COMMIT: ${serverText(error)}`,
    hint: `A deferred constraint is checked there. ${afterMending(script, step)}`,
    cause: error,
  })
}

/** The error for a step of which the server refused what kei itself sends around the file's statements. */
export function ownRefusal(script: Script, step: Step, error: DatabaseError): KeiError {
  const { file } = script.text
  const kept = `Nothing of ${numbered(step)} was kept.`
  if (error.code === '22P05') {
    return failure({
      code: 'not-in-encoding',
      message: `${file}: the database cannot keep a letter of the file's text or name: ${serverText(error)}`,
      hint: `${kept} The history keeps the whole text, with its comments. Take that letter out and run \`kei migrate ${script.direction}\` again.`,
      cause: error,
    })
  }
  return failure({
    code: 'transaction-failed',
    message: `${file}: the server refused a statement that kei sends around ${numbered(step)} of the file: ${serverText(error)}`,
    hint:
      `${kept} Run \`kei migrate ${script.direction}\` again. Where it ends so again, a statement ` +
      ` of ${file} takes away what kei needs: its own schema, the right to it, or a transaction that writes.`,
    cause: error,
  })
}

/** The error for a step that met other sessions' locks until its time was over. */
export function waitRefusal(
  script: Script,
  step: Step,
  error: DatabaseError,
  tries: { attempts: number; blockers: readonly Blocker[]; retryFor: number },
): KeiError {
  const codes: Record<string, string> = {
    '55P03': 'lock-timeout',
    '40P01': 'deadlock',
    '40001': 'serialization-failure',
  }
  const who = tries.blockers.map((blocker) => `\n  ${describeBlocker(blocker)}`).join('')
  const [first] = tries.blockers
  return failure({
    code: codes[error.code ?? ''] ?? 'lock-timeout',
    message:
      `${script.text.file}: ${numbered(step)} met other sessions' locks in each of ${tries.attempts} ` +
      `${tries.attempts === 1 ? 'attempt' : 'attempts'} within ${tries.retryFor / 1000} s: ${serverText(error)}${who}`,
    hint: `Nothing of it was kept. ${
      first === undefined || first.pid === 0
        ? 'Try again when less goes on'
        : `Wait for those sessions, or end them (SELECT pg_terminate_backend(${first.pid});)`
    }, and run \`kei migrate ${script.direction}\` again; \`-- kei: lock-timeout 5s\` in the file lets each attempt wait longer.`,
    cause: error,
  })
}

/** One line: who, what, since when. */
export function describeBlocker({ pid, user, application, query, state, age }: Blocker): string {
  const name = [user, application].filter((part) => part !== '').join(', ')
  // What the role may not see has no age either.
  const since = state === '' ? '' : `, ${state}, for ${age} s`
  return `pid ${pid}${name === '' ? '' : ` (${name})`}${since}: ${query}`
}

/** PostgreSQL's message with its SQLSTATE, and below it the detail and the code's place; secrets taken away. */
function serverText(error: DatabaseError, statement = ''): string {
  const position = Number(error.position ?? 0)
  const before = position > 0 ? statement.slice(0, utf16OffsetOfCharacter(statement, position - 1)) : ''
  const constraint = error.constraint === undefined ? '' : `, constraint ${error.constraint} of ${error.table ?? '?'}`
  const lines = [`${redactServerMessage(error.message, before)} (${error.code ?? '?'}${constraint})`]
  // A whole row is data, and may be anybody's.
  if (error.detail !== undefined && !error.detail.startsWith('Failing row')) lines.push(redactText(error.detail))
  const where = error.where?.split('\n')[0]
  if (where !== undefined) lines.push(redactText(where))
  return lines.join('\n  ')
}

function serverHint({ hint }: DatabaseError): string {
  if (hint === undefined) return ''
  const text = redactText(hint)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Where PostgreSQL points, else the statement; `position` counts characters of the statement's text from 1 on. */
function placeOf(statement: Statement, error: DatabaseError): Span {
  const position = Number(error.position ?? 0)
  if (position === 0) return statement
  const start = statement.start + utf16OffsetOfCharacter(statement.text, position - 1)
  const word = /^(?:"(?:[^"]|"")*"|[\w$]+)/.exec(statement.text.slice(start - statement.start))?.[0] ?? ''
  return { start, end: Math.max(start + 1, start + word.length) }
}

function remedy(script: Script, step: Step, { code }: DatabaseError): { code: string; next: string } {
  const again = afterMending(script, step)
  switch (code) {
    case '2D000':
      return {
        code: 'statement-commits',
        next: `It ends transactions by itself: write \`-- kei: transaction none\` at the top of ${script.text.file}, so that it runs outside of one, and run \`kei migrate ${script.direction}\` again.`,
      }
    case '25001':
      return {
        code: 'outside-transaction',
        next: `It cannot run in a transaction block, though its text does not show it. For a partitioned table, name each partition. ${again}`,
      }
    case '57014':
      return {
        code: 'statement-cancelled',
        next: `If statement_timeout ended it, begin the file with \`SET LOCAL statement_timeout = 0;\`. ${again}`,
      }
    case '42501':
      return {
        code: 'not-permitted',
        next: `Name the role that owns what the file changes with --role, or GRANT it. ${again}`,
      }
    case '53200':
      return {
        code: 'out-of-memory',
        next: `A transaction that locks too many relations has to be cut: with \`COMMIT;\` between statements, or \`-- kei: transaction none\` at the top of ${script.text.file}. ${again}`,
      }
    case '53100':
      return { code: 'disk-full', next: `Make room on the server's disk. ${again}` }
    default:
      return { code: 'statement-failed', next: again }
  }
}

function afterMending({ text, direction }: Script, step: Step): string {
  const kept = step.first > 1 ? ` What stands before statement ${step.first} is applied and must stay as it is.` : ''
  return `Nothing of ${numbered(step)} was kept.${kept} Mend ${text.file} and run \`kei migrate ${direction}\` again.`
}

/** `statement 3`, `statements 3 to 5`. */
export function numbered({ first, last }: Step): string {
  return first >= last ? `statement ${Math.max(first, 1)}` : `statements ${first} to ${last}`
}
