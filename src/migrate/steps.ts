import { usageError } from '../errors.ts'
import { skipSpace } from '../sql/blank.ts'
import type { FileHeader } from '../sql/file-header.ts'
import type { Span } from '../sql/positions.ts'
import { redactServerMessage } from '../sql/redact.ts'
import { nodeOf, statementOf } from '../sql/statement.ts'
import type { Statement } from '../sql/statement.ts'
import { tokenEnd } from '../sql/token.ts'
import { behaviourOf, boundaryOf, groupStatements, refusals } from '../sql/transactions.ts'
import type { StatementGroup } from '../sql/transactions.ts'
import { statementHash } from './checksum.ts'
import type { MigrationText } from './migration.ts'
import { failureAt } from './place.ts'
import type { Step } from './step.ts'

/**
 * The statements of a migration file.
 *
 * @throws KeiError `syntax-error`, `psql-command-in-migration`, `copy-from-stdin`, with file, line, column and the line.
 */
export async function parseMigration(text: MigrationText): Promise<Statement[]> {
  const { loadParser } = await import('../sql/parse.ts')
  const parsed = (await loadParser()).parse(text.text)
  if (parsed.kind === 'parsed') return parsed.statements
  refuseScriptOfPsql(text)
  const before = text.text.slice(Math.max(0, parsed.offset - 200), parsed.offset)
  throw failureAt(
    text,
    { start: parsed.offset, end: parsed.end },
    {
      code: 'syntax-error',
      message: redactServerMessage(parsed.message, before),
      hint: 'Correct the file. What was applied before it stays.',
    },
  )
}

/**
 * Refuses a file with a statement that the runner does not send, or that is bound to fail where it stands; and one
 * without any, which was forgotten rather than meant: taking it as done would hide that.
 *
 * @throws KeiError `no-statement`, exit 2; `rollback-in-migration`, `prepared-transaction-in-migration`, `transaction-mode-in-migration`, `client-encoding-in-migration`,
 * `copy-from-stdin`, `copy-to-stdout`, `outside-in-transaction`, for the first such statement, with file, line, column and the line.
 */
export function refuseScript(text: MigrationText, statements: readonly Statement[]): void {
  if (statements.length === 0) {
    throw usageError({
      code: 'no-statement',
      message: `${text.file} has no statement`,
      hint: 'Write what it is to do, or remove it. Where a version must stay without doing anything, `SELECT 1;` will do.',
    })
  }
  const refused = new Set(refusals(statements, 'grouped').map(({ statement }) => statement.index))
  for (const statement of statements) {
    const reason = reasonAgainst(statement, refused.has(statement.index))
    if (reason !== undefined) throw failureAt(text, statement, reason)
  }
}

/**
 * The steps in which a file's statements are sent, in order: maximal transactional groups, and the rest alone. With
 * `transaction none` every statement that can has a transaction of its own; a BEGIN … COMMIT that the file writes is
 * one step all the same. CALL, and DO that may commit, is tried in a transaction of its own without that header.
 *
 * The file must have passed `refuseScript`. A file without statements has no steps; one whose last statements are only
 * BEGIN and COMMIT may end with a step that sends nothing.
 */
export function stepsOf(statements: readonly Statement[], header: FileHeader): Step[] {
  const hashes = statements.map((statement) => statementHash(statement.text))
  const steps: Step[] = []
  // Statements before this index are in a step.
  let next = 0
  const push = (kind: Step['kind'], own: readonly Statement[], end: number) => {
    const range = { first: next + 1, last: end, hashes: hashes.slice(next, end) }
    const [only] = own
    if (kind === 'transaction') steps.push({ kind, statements: [...own], ...range })
    else if (only !== undefined) steps.push({ kind, statements: [only], ...range })
    next = end
  }
  /** Gives the BEGIN and COMMIT before index `end` to the step before them, or to one that sends nothing. */
  const settle = (end: number) => {
    const last = steps.at(-1)
    if (next === end) return
    if (last?.kind === 'transaction') {
      last.last = end
      last.hashes.push(...hashes.slice(next, end))
      next = end
    } else {
      push('transaction', [], end)
    }
  }
  for (const group of groupsOf(statements, header)) {
    const start = group.statements[0]?.index ?? next
    const kind = kindOf(group, header)
    if (kind !== 'transaction') settle(start)
    else if (steps.length > 0) settle(endOfCommits(statements, next, start))
    push(kind, group.statements, (group.statements.at(-1)?.index ?? start) + 1)
  }
  settle(statements.length)
  return steps
}

/**
 * What is left of a file that is partly applied. `done` are the hashes of its first statements as they were when they
 * were applied; what comes after may have changed since, and be grouped otherwise, so a step that is done in part is
 * cut. When everything is done, nothing is left.
 *
 * @throws KeiError `edited-applied-part` when the first statements are not those that were applied.
 */
export function remainingSteps(
  steps: readonly Step[],
  statements: readonly Statement[],
  done: readonly string[],
  text: MigrationText,
): Step[] {
  const hashes = steps.flatMap((step) => step.hashes)
  const changed = done.findIndex((hash, index) => hashes[index] !== hash)
  if (changed !== -1) throw editedAppliedPart(text, statements, changed, done.length)
  return steps.flatMap((step) => {
    if (step.last <= done.length) return []
    if (step.kind !== 'transaction' || step.first > done.length) return [step]
    return [
      {
        ...step,
        first: done.length + 1,
        statements: step.statements.filter((statement) => statement.index >= done.length),
        hashes: step.hashes.slice(done.length + 1 - step.first),
      },
    ]
  })
}

/** With `transaction none`, a group that the file itself does not write is taken apart. */
function groupsOf(statements: readonly Statement[], header: FileHeader): StatementGroup[] {
  const groups = groupStatements(statements, 'grouped')
  if (header.transaction !== 'none') return groups
  const written = writtenInBlock(statements)
  return groups.flatMap((group): StatementGroup[] =>
    group.kind === 'alone' || group.statements.some((statement) => written.has(statement))
      ? [group]
      : group.statements.map((statement) => ({ kind: 'transaction', statements: [statement] })),
  )
}

function writtenInBlock(statements: readonly Statement[]): Set<Statement> {
  const inside = new Set<Statement>()
  let open = false
  for (const statement of statements) {
    const boundary = boundaryOf(statement)
    if (boundary !== undefined) open = boundary.kind === 'begin' || boundary.chain
    else if (open) inside.add(statement)
  }
  return inside
}

function kindOf(group: StatementGroup, header: FileHeader): Step['kind'] {
  const [only] = group.statements
  if (group.kind === 'transaction' || only === undefined) return 'transaction'
  if (behaviourOf(only) === 'outside') return 'outside'
  return header.transaction === 'none' ? 'may-commit' : 'transaction'
}

/** The index after the COMMITs that stand at `from` and on, at most `to`. */
function endOfCommits(statements: readonly Statement[], from: number, to: number): number {
  let end = from
  for (let statement = statements[end]; end < to && statement !== undefined; statement = statements[end]) {
    if (boundaryOf(statement)?.kind !== 'end') break
    end++
  }
  return end
}

function editedAppliedPart(text: MigrationText, statements: readonly Statement[], index: number, count: number): Error {
  const statement = statements[index]
  const before = statements.at(-1)?.end ?? 0
  const message =
    statement === undefined
      ? `${count} statements of this file are applied, but it has only ${statements.length} now`
      : `statement ${index + 1} is applied, but is not what was applied`
  return failureAt(text, statement ?? { start: before, end: before }, {
    code: 'edited-applied-part',
    message,
    hint:
      `Put the first ${count === 1 ? 'statement' : `${count} statements`} back as they were ` +
      `(\`git diff -- ${text.file}\` shows what changed; \`git restore ${text.file}\` takes it back), then run ` +
      '`kei migrate up` again. What comes after them may be changed.',
  })
}

interface Reason {
  code: string
  message: string
  hint: string
}

const copyFromStdin: Reason = {
  code: 'copy-from-stdin',
  message: 'COPY … FROM STDIN takes its rows from psql, and no migration can send them',
  hint: 'Write the rows as INSERT … VALUES (`pg_dump --inserts` does).',
}

/** `isBound`: `refusals` names it. */
function reasonAgainst(statement: Statement, isBound: boolean): Reason | undefined {
  const control = statementOf(statement, 'TransactionStmt')?.kind
  if (control === 'TRANS_STMT_ROLLBACK') {
    return {
      code: 'rollback-in-migration',
      message: 'ROLLBACK takes back what the file did before it, which the history would call applied',
      hint: 'Take ROLLBACK out. To go back to a savepoint within the file, use ROLLBACK TO SAVEPOINT.',
    }
  }
  if (control === 'TRANS_STMT_PREPARE' || control?.endsWith('_PREPARED') === true) {
    return {
      code: 'prepared-transaction-in-migration',
      message: 'a transaction that is prepared is not committed with its row in the history',
      hint: 'Take PREPARE TRANSACTION, COMMIT PREPARED and ROLLBACK PREPARED out; kei commits what the file does.',
    }
  }
  const mode = refusedMode(statement)
  if (mode !== undefined) return mode
  if (setsOtherEncoding(statement)) return otherEncoding
  const copy = statementOf(statement, 'CopyStmt')
  if (copy !== undefined && copy.filename === undefined && copy.is_program !== true) {
    if (copy.is_from === true) return copyFromStdin
    return {
      code: 'copy-to-stdout',
      message: 'COPY … TO STDOUT gives rows to psql, and a migration has nobody to give them to',
      hint: 'Take it out of the migration; run it with psql.',
    }
  }
  if (!isBound) return undefined
  return {
    code: 'outside-in-transaction',
    message: 'PostgreSQL refuses this statement inside the BEGIN … COMMIT that the file writes (25001)',
    hint: 'Take BEGIN and COMMIT out: kei itself runs this statement alone, and what is around it in transactions.',
  }
}

/**
 * BEGIN, START TRANSACTION or SET TRANSACTION with an isolation level, a snapshot or READ ONLY. The runner sends its own
 * BEGIN, and behind it what proves the lease and writes the history: no level can be set after the one, and nothing be
 * written where the transaction only reads.
 */
function refusedMode(statement: Statement): Reason | undefined {
  const set = statementOf(statement, 'VariableSetStmt')
  const options =
    statementOf(statement, 'TransactionStmt')?.options ??
    (set?.kind === 'VAR_SET_MULTI' && set.name !== 'SESSION CHARACTERISTICS' ? set.args : undefined)
  const named = (options ?? []).map((option) => nodeOf(option, 'DefElem'))
  if (named.some((option) => option?.defname === 'transaction_read_only' && isReadOnly(option.arg))) return readOnlyMode
  const isLevel = (name: string | undefined) => name !== undefined && /^transaction_isolation$/i.test(name)
  if (isLevel(set?.name) || set?.name === 'TRANSACTION SNAPSHOT') return levelMode
  return named.some((option) => isLevel(option?.defname)) ? levelMode : undefined
}

function setsOtherEncoding(statement: Statement): boolean {
  const set = statementOf(statement, 'VariableSetStmt')
  if (set?.kind !== 'VAR_SET_VALUE' || set.name?.toLowerCase() !== 'client_encoding') return false
  const value = nodeOf(set.args?.[0], 'A_Const')?.sval?.sval ?? ''
  return !/^(?:utf_?8|unicode)$/i.test(value.replaceAll('-', '_'))
}

const otherEncoding: Reason = {
  code: 'client-encoding-in-migration',
  message:
    'kei reads files as UTF-8 and sends them so: under another client_encoding their letters would come out wrong',
  hint: 'Take the statement out; the file itself is UTF-8 already.',
}

function isReadOnly(value: Parameters<typeof nodeOf>[0]): boolean {
  return (nodeOf(value, 'A_Const')?.ival?.ival ?? 0) !== 0
}

const readOnlyMode: Reason = {
  code: 'transaction-mode-in-migration',
  message: 'kei writes into its history in the same transaction, which READ ONLY would refuse',
  hint: 'Take READ ONLY out.',
}

const levelMode: Reason = {
  code: 'transaction-mode-in-migration',
  message: 'kei begins the transaction itself, so the file cannot choose its isolation level or its snapshot',
  hint:
    "Take it out. Where the file needs another level: `SET default_transaction_isolation = 'serializable'; COMMIT;` " +
    'at its top holds for all its transactions after that.',
}

/** Says what a text that does not parse has of psql's own: a backslash command, or rows after COPY … FROM STDIN. */
function refuseScriptOfPsql(text: MigrationText): void {
  const sql = text.text
  let statement = { start: 0, word: '' }
  let before = ''
  let stdin: Span | undefined
  for (let at = skipSpace(sql, 0); at < sql.length;) {
    const end = tokenEnd(sql, at)
    const token = sql.slice(at, end).toLowerCase()
    if (token === '\\') throw psqlCommand(text, at)
    if (before === '' || before === ';') statement = { start: at, word: token }
    if (token === 'stdin' && before === 'from' && statement.word === 'copy') stdin = { start: statement.start, end }
    if (token === ';' && stdin !== undefined) throw failureAt(text, stdin, copyFromStdin)
    before = token
    at = skipSpace(sql, end)
  }
}

function psqlCommand(text: MigrationText, start: number): Error {
  const command = /^\\\S*/.exec(text.text.slice(start))?.[0] ?? '\\'
  return failureAt(
    text,
    { start, end: start + command.length },
    {
      code: 'psql-command-in-migration',
      message: `${command} is a command of psql, not of PostgreSQL`,
      hint: 'A migration is SQL only. Take the line out, or write what it does as SQL.',
    },
  )
}
