import type { DefElem } from '@pgsql/types'
import type { Severity } from '../../findings/finding.ts'
import type { Span } from '../../sql/positions.ts'
import { skipBlank } from '../../sql/blank.ts'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { nodeOf, statementOf } from '../../sql/statement.ts'
import { tokenEnd } from '../../sql/token.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-role-password',
  since: '0.1.0',
  severity: 'error',
  category: 'secrets',
  subject: 'statement',
  statements: ['CreateRoleStmt', 'AlterRoleStmt', 'CreateUserMappingStmt', 'AlterUserMappingStmt'],
  about: 'state',
  needs: ['source'],
  summary: 'A role’s password in a migration: everyone who reads the repository knows it',
  why:
    'It is the same in every database that the migrations run on, production too. It stays in git’s history for ever, in ' +
    'each clone, in CI logs, and where log_statement is on in the server’s log, in clear text.',
  instead:
    'Create the role without a password and set it once, outside the migrations: \\password in psql, which sends a SCRAM ' +
    'verifier only, or the provider’s secret store. A written verifier (SCRAM-SHA-256$…) is a warning: it does not show ' +
    'the password, but whoever has it can try passwords against it, and with its keys pose as the server. One that was ever ' +
    'committed has to be changed; taking it out of the file does not take it out of git.',
  examples: [
    {
      title: 'A role of the application',
      bad: "CREATE ROLE app LOGIN PASSWORD 'correct horse battery staple';",
      at: 'PASSWORD',
      good: 'CREATE ROLE app LOGIN;',
    },
    {
      title: 'A verifier is a secret too',
      setup: 'CREATE ROLE app LOGIN;',
      bad:
        "ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" +
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';",
      at: 'PASSWORD',
      good: 'ALTER ROLE app PASSWORD NULL;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/sql-createrole.html',
    'https://www.postgresql.org/docs/17/auth-password.html',
  ],
  options: {},
  changes: { objects: [] },
  claims: [
    {
      says: 'A verifier that is given as the password is stored as it is.',
      setup: '',
      statement:
        "CREATE ROLE kei_claim_app PASSWORD 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" +
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='",
      then: {
        query:
          "SELECT (rolpassword LIKE 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$%')::text FROM pg_authid WHERE rolname = 'kei_claim_app'",
        rows: [['true']],
      },
    },
    {
      says: 'A password is not: the server makes a verifier of it.',
      setup: '',
      statement: "CREATE ROLE kei_claim_app PASSWORD 'correct horse'",
      then: {
        query: "SELECT (rolpassword LIKE 'SCRAM-SHA-256$%')::text FROM pg_authid WHERE rolname = 'kei_claim_app'",
        rows: [['true']],
      },
    },
  ],
  *check(subject) {
    const secret = writtenPassword(subject)
    if (secret === undefined) return
    const { migration, within } = subject
    const { whose, form, words, clause } = secret
    const isWritten = within === undefined && migration.text.slice(words.start, words.end).toLowerCase() === 'password'
    const at = isWritten
      ? { file: migration.file, text: migration.text, span: words }
      : placeOfStatement(within ?? subject)
    const edit = { file: migration.file, start: clause.start, end: clause.end, text: '' }
    yield {
      kind: 'finding',
      ...(form !== 'password' && { severity: severityOf[form] }),
      message: `${whose} has ${articles[form]} in this file: everyone who reads the repository, its history or a CI log has it`,
      at,
      // Not even with asterisks: there is nothing to see.
      evidence: [{ kind: 'source', text: 'PASSWORD with a literal' }],
      next:
        'Change the password now if this was ever committed or run. Then leave it out here and set it outside the ' +
        'migrations: \\password in psql, or your provider’s secret store.',
      identity: whose,
      // Among the options of a user mapping it has a comma, too.
      ...(isWritten &&
        !migration.released &&
        !whose.startsWith('the user mapping') && {
          fixes: [
            { title: `Leave the password of ${whose} out`, safety: 'review' as const, edits: [edit], newFiles: [] },
          ],
        }),
    }
  },
})

type Form = 'password' | 'verifier' | 'md5'

const articles: Readonly<Record<Form, string>> = {
  password: 'its password',
  verifier: 'its SCRAM verifier',
  md5: 'its MD5 hash, which is all that a login with md5 needs,',
}
const severityOf: Readonly<Record<Form, Severity>> = { password: 'error', verifier: 'warning', md5: 'error' }

interface WrittenPassword {
  /** `the role app`. */
  whose: string
  form: Form
  /** The word PASSWORD. */
  words: Span
  /** All that goes: the word, the literal and the white space before. */
  clause: Span
}

function writtenPassword(subject: StatementSubject): WrittenPassword | undefined {
  const { statement } = subject
  const create = statementOf(statement, 'CreateRoleStmt')
  const alter = statementOf(statement, 'AlterRoleStmt')
  const role = create?.role ?? alter?.role?.rolename
  const mapping = statementOf(statement, 'CreateUserMappingStmt') ?? statementOf(statement, 'AlterUserMappingStmt')
  const options = (create ?? alter ?? mapping)?.options ?? []
  const elements = options.flatMap((each) => nodeOf(each, 'DefElem') ?? [])
  const element = elements.findLast(({ defname }) => defname?.toLowerCase() === 'password')
  const value = nodeOf(element?.arg, 'String')?.sval
  if (element === undefined || value === undefined || value === '' || isPlaceholder(value)) return undefined
  const whose = mapping
    ? `the user mapping for ${mapping.user?.rolename ?? 'PUBLIC'} on ${mapping.servername}`
    : `the role ${quoteIdentifier(role ?? 'CURRENT_USER')}`
  return { whose, form: formOf(value), ...clauseAt(subject, element) }
}

/** A literal that a tool fills in before PostgreSQL sees it. */
function isPlaceholder(value: string): boolean {
  return /^(?:\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}|<[^>]*>|%\([^)]*\)s|:'?\w+'?|@\w+@)$/.test(value.trim())
}

function formOf(value: string): Form {
  if (/^SCRAM-SHA-256\$\d+:/.test(value)) return 'verifier'
  return /^md5[0-9a-f]{32}$/.test(value) ? 'md5' : 'password'
}

/** `ENCRYPTED PASSWORD '…'` in a role's statement; of a user mapping's options only the word is found. */
function clauseAt(
  { statement, migration: { text } }: StatementSubject,
  element: DefElem,
): Pick<WrittenPassword, 'words' | 'clause'> {
  let start = statement.offsetOf(element.location ?? 0)
  const begin = start
  if (/^(?:un)?encrypted$/i.test(text.slice(start, tokenEnd(text, start))))
    start = skipBlank(text, tokenEnd(text, start))
  const words = { start, end: tokenEnd(text, start) }
  const literal = skipBlank(text, words.end)
  const space = /\s*$/.exec(text.slice(0, begin))?.[0].length ?? 0
  return { words, clause: { start: begin - space, end: tokenEnd(text, literal) } }
}
