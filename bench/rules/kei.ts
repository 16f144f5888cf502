import { judgeMigrations, migrationsOf } from '../../test/contract/examples.ts'
import type { Runner } from '../../test/contract/examples.ts'
import { statementsOf } from './case-run.ts'
import type { CaseRunner, RuleCase } from './case.ts'
import type { Answer } from './tool.ts'

/** That PostgreSQL refused a statement while it was traced: the report says so with its cause, but it is no rule. */
export const refusedOnShadow = '(refused on the shadow)'

// A trace empties its server of what others left there, such as the cases of truth.ts.
const project = 'the rule benchmark of kei'

const runners: Readonly<Record<CaseRunner, Runner>> = {
  grouped: { layout: 'kei', mode: 'grouped', project },
  transaction: { layout: 'goose', mode: 'transaction', project },
  statement: { layout: 'goose', mode: 'statement', project },
}

/** The setup without the rows that it puts into its tables: migrations make tables, those who use them fill them. */
function historyOf(setup: string): string {
  const made = statementsOf(setup).filter(({ tag }) => tag !== 'InsertStmt' && tag !== 'UpdateStmt')
  return made.map(({ text }) => `${text};`).join('\n')
}

/**
 * What `kei check --all` says of a case's migration after its setup, which is a released one, by the text alone or with
 * a trace. Every finding counts, notes too.
 */
export async function askKei(one: RuleCase, how: 'text' | 'trace'): Promise<Answer> {
  const history = historyOf(one.setup)
  const setup = history === '' ? {} : { setup: history }
  const migrations = migrationsOf({ title: one.id, at: '', good: '', bad: one.sql, ...setup }, one.sql)
  const file = migrations.at(-1)?.file ?? ''
  const judged = await judgeMigrations(migrations, one.major ?? 17, how, runners[one.runner ?? 'grouped'])
  const own = judged.findings.filter(({ location }) => location.kind !== 'file' || location.file === file)
  const notRead = own.filter(({ rule }) => rule === 'no-syntax-error' || rule === 'no-unreadable-file')
  const traces = judged.traced?.statements(file) ?? []
  const notTraced = traces.flatMap((trace) => (trace.status === 'traced' ? [] : [`${trace.status}: ${trace.cause}`]))
  const refused = traces.some(({ status }) => status === 'failed') ? [{ rule: refusedOnShadow, isMild: false }] : []
  return {
    findings: [...own.map(({ rule }) => ({ rule, isMild: false })), ...refused],
    notUnderstood: notRead.map(({ message }) => message),
    undecided: [...judged.unknown.map(({ rule, needs }) => `${rule} needs ${needs}`), ...notTraced],
  }
}
