import { exitCodes } from '../../../errors.ts'
import type { RelationLock } from '../../../findings/lock-mode.ts'
import type { PlannedIgnore, PlannedMigration, PlannedStatement, PlannedStep, RunPlan } from '../../../migrate/plan.ts'
import { redactText } from '../../../sql/redact.ts'
import { printable } from '../../../sql/printable.ts'
import { defineCommand } from '../../command.ts'
import type { Output } from '../../terminal/terminal.ts'
import { startProgress } from '../../terminal/progress.ts'
import { connectionOptions, folderOptions, jsonOption } from './options.ts'
import { refusalLines } from './refusal-text.ts'
import { blockerText } from './event-text.ts'

export const migratePlan = defineCommand({
  name: 'migrate plan',
  summary: 'Show what `up` would do',
  description:
    'Shows the pending statements, which of them run in one transaction, which locks they take and what they rewrite, ' +
    'as seen when the whole history ran on a throw-away PostgreSQL; the reasons that ignore comments give for them; ' +
    'and who holds locks in the way on the database now. It only reads.\n\n' +
    'Exit code: 0 planned, 1 `up` would refuse, 2 wrong usage, 3 no connection.',
  arguments: [],
  options: [
    { flags: '--offline', description: 'Open no connection: every file counts as pending' },
    ...folderOptions,
    ...connectionOptions,
    jsonOption,
  ],
  examples: [
    { command: 'kei migrate plan', says: 'before `kei migrate up`' },
    { command: 'kei migrate plan --offline', says: 'without a database' },
  ],
  async run({ options }, context) {
    const { terminal, signal } = context
    const [{ openRunner }, { planRun }] = await Promise.all([
      import('./open-runner.ts'),
      import('../../../migrate/plan.ts'),
    ])
    const { source, request } = await openRunner(options, context, {
      command: 'plan',
      writes: false,
      withoutDown: true,
    })
    const progress = startProgress(terminal.err)
    const plan = await planRun({
      source,
      schema: request.settings.schema,
      connect: options['offline'] === true ? undefined : request.connect,
      signal,
      onProgress: progress.say,
    }).finally(progress.end)
    if (options['json'] === true) terminal.out.write(`${JSON.stringify(documentOf(plan), null, 2)}\n`)
    else print(plan, terminal.out)
    return plan.problems.length > 0 ? exitCodes.answerIsNo : exitCodes.clean
  },
})

function documentOf(plan: RunPlan): object {
  const problems = plan.problems.map(({ code, message, hint }) => ({ code, message: redactText(message), hint }))
  return { version: 1, ...plan, problems }
}

function print(plan: RunPlan, out: Output): void {
  const lines = plan.migrations.flatMap(migrationLines)
  lines.push(...liveLines(plan))
  lines.push(...refusalLines(plan.problems))
  for (const notice of plan.notices) lines.push(`note: ${notice}`)
  const statements = plan.migrations.flatMap(({ steps }) => steps.flatMap((step) => step.statements)).length
  const count = plan.migrations.length
  if (count === 0) lines.push('Nothing is pending.')
  else {
    const judged = plan.server === undefined ? '' : `; locks as seen on PostgreSQL ${plan.server}`
    lines.push(`${plural(count, 'migration')} pending, ${plural(statements, 'statement')}${judged}.`)
  }
  out.write(`${lines.map(printable).join('\n')}\n`)
}

function migrationLines({ file, done, ignores, steps }: PlannedMigration): string[] {
  const applied = done === 0 ? '' : `  (${plural(done, 'statement')} applied already)`
  return [`${file}${applied}`, ...ignores.map((each) => `  ${ignoreText(each)}`), ...steps.flatMap(stepLines), '']
}

function ignoreText({ rule, reason }: PlannedIgnore): string {
  return `ignores ${rule}: ${reason}`
}

function stepLines(step: PlannedStep): string[] {
  const title = {
    transaction: step.first === step.last ? 'in a transaction' : 'in one transaction',
    outside: 'outside a transaction',
    'may-commit': 'in a transaction, or outside if it commits by itself',
  }[step.kind]
  const lines = [`  ${title}`]
  for (const statement of step.statements) lines.push(...statementLines(statement))
  if (step.statements.length > 1 && step.locks.length > 0)
    lines.push(`    held until the commit: ${locksText(step.locks)}`)
  return lines
}

function statementLines({ number, line, text, ignores, trace }: PlannedStatement): string[] {
  const [first = '', ...rest] = text.split('\n')
  const lines = [
    `    ${number}. line ${line}: ${first}${rest.length > 0 ? ' …' : ''}`,
    ...ignores.map((each) => `         ${ignoreText(each)}`),
  ]
  if (trace === undefined) return lines
  if (trace.status === 'not-traced') return [...lines, `         not seen: ${trace.cause}`]
  const { locks, rewrites, indexRebuilds, scans, destroys, edited } = trace
  const facts = [
    ['locks', locksText(locks)],
    ['rewrites', rewrites.join(', ')],
    ['builds again', indexRebuilds.join(', ')],
    ['reads all of', scans.join(', ')],
    ['DESTROYS', destroys.map(({ objectType, name }) => `${objectType} ${name}`).join(', ')],
    ['seen as', edited ?? ''],
  ]
  for (const [label = '', fact = ''] of facts) if (fact !== '') lines.push(`         ${label}: ${fact}`)
  return lines
}

function liveLines({ live }: RunPlan): string[] {
  if (live === undefined) return []
  const lines: string[] = []
  for (const { relation, mode, granted, ...session } of live.inTheWay) {
    lines.push(`  ${relation}: ${granted ? 'holds' : 'waits for'} ${mode}: ${blockerText(session)}`)
  }
  if (lines.length > 0) lines.unshift('In the way now')
  const old = live.oldestTransactions.filter(({ age }) => age >= 1)
  if (old.length > 0) lines.push('Oldest transactions', ...old.map((session) => `  ${blockerText(session)}`))
  if (live.sizes.length > 0) {
    lines.push('Sizes')
    for (const { relation, bytes, rows } of live.sizes) {
      lines.push(
        `  ${relation}: ${sizeText(bytes)}${rows === undefined ? '' : `, about ${rows.toLocaleString('en')} rows`}`,
      )
    }
  }
  lines.push(...live.notices.map((notice) => `note: ${notice}`))
  return lines.length === 0 ? [] : [...lines, '']
}

function locksText(locks: readonly RelationLock[]): string {
  return locks.map(({ relation, mode }) => `${relation} ${mode}`).join(', ')
}

function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
