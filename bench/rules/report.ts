import type { RuleCase } from './case.ts'
import { isRefused, scoreRows, whereBehind } from './score.ts'
import type { AnsweredCase, Score, ScoreRow } from './score.ts'
import { outcomeOf } from './tool.ts'
import type { Answer, Tool } from './tool.ts'
import type { Truth } from './truth.ts'

/** All that was asked and answered. */
export interface Measured {
  cases: readonly RuleCase[]
  truths: ReadonlyMap<RuleCase, Truth | Error>
  tools: readonly Tool[]
  /** Machine and versions. */
  where: string
}

/** The tables, the lists of what went wrong, and the same as data. */
export function report({ cases, truths, tools, where }: Measured): { figures: string; lists: string; data: object } {
  const answered = cases.flatMap((one): AnsweredCase[] => {
    const truth = truths.get(one)
    return truth === undefined || truth instanceof Error ? [] : [{ one, truth }]
  })
  const surprises = cases.flatMap((one) => surpriseOf(one, truths.get(one)))
  const rows = scoreRows(answered, tools)
  const all = rows.at(-1)
  const own = tools.filter(({ name }) => name.startsWith('kei'))

  const figures = [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${where}.`,
    `${cases.length} cases, ${answered.length} answered by the server.`,
    '',
    ...table('Hazards found', tools, rows, 'found', ({ hazards }) => hazards),
    ...table('False alarms', tools, rows, 'falseAlarms', ({ harmless }) => harmless),
    ...table('Not understood', tools, rows, 'notUnderstood', ({ hazards, harmless }) => hazards + harmless),
  ]
  const lists = [
    ...list('Surprises: what the server says is not what the case’s author expects', surprises),
    ...own.flatMap((tool) => {
      const score = all?.scores.get(tool)
      return score === undefined ? [] : complaintsAbout(tool, score, answered)
    }),
    ...list('Where kei is behind', whereBehind(rows, own)),
    ...list('Rules that said something and count neither for nor against', rulesWithoutKind(tools)),
  ]
  const data = {
    cases: answered.map(({ one, truth }) => ({
      ...{ id: one.id, sources: one.sources, kind: one.kind, ...truth },
      tools: Object.fromEntries(
        tools.map((tool) => {
          const answer = tool.answers.get(one)
          return [tool.name, { outcome: outcomeOf(one, truth.hazard, tool, answer), ...answer }]
        }),
      ),
    })),
    surprises,
    rows: rows.map(({ source = 'all cases', hazards, harmless, scores }) => ({
      ...{ source, hazards, harmless },
      tools: Object.fromEntries([...scores].map(([{ name }, score]) => [name, score])),
    })),
  }
  return { figures: figures.join('\n').trimEnd(), lists: ['', ...lists].join('\n'), data }
}

function surpriseOf(one: RuleCase, truth: Truth | Error | undefined): string[] {
  const about = `${one.id} (${one.kind})`
  if (truth === undefined) return [`${about}: was not asked`]
  if (truth instanceof Error) return [`${about}: did not run: ${truth.message}`]
  if (one.hazard === undefined || truth.hazard === one.hazard) return []
  return [`${about}: the server says ${truth.hazard ? `yes: ${truth.seen}` : 'no'}`]
}

/** A table with a row for each source and a column for each tool, after one for how many there are. */
function table(
  title: string,
  tools: readonly Tool[],
  rows: readonly ScoreRow[],
  column: keyof Score,
  total: (row: ScoreRow) => number,
): string[] {
  return [
    `| ${[title, 'of', ...tools.map(({ name }) => name)].join(' | ')} |`,
    `|---|${'---:|'.repeat(tools.length + 1)}`,
    ...rows.map((row) => {
      const counts = tools.map((tool) => row.scores.get(tool)?.[column].length)
      return `| ${[row.source ?? 'all cases', total(row), ...counts].join(' | ')} |`
    }),
    '',
  ]
}

/** What a tool got wrong, case by case. */
function complaintsAbout(tool: Tool, score: Score, answered: readonly AnsweredCase[]): string[] {
  const describe = (ids: readonly string[], detail: (one: RuleCase, answer: Answer | undefined) => string) =>
    answered.flatMap(({ one }) =>
      ids.includes(one.id) ? [`${one.id} (${one.kind}): ${detail(one, tool.answers.get(one))}`] : [],
    )
  const open = answered.filter((each) => !isRefused(each) && tool.answers.get(each.one)?.undecided.length)
  const openIds = open.map(({ one }) => one.id)
  return [
    ...list(
      `${tool.name}: missed`,
      describe(score.missed, (one, answer) => [one.sources.join(', '), ...(answer?.undecided ?? [])].join('; ')),
    ),
    ...list(
      `${tool.name}: false alarms`,
      describe(score.falseAlarms, (_, answer) => [...new Set(answer?.findings.map(({ rule }) => rule))].join(', ')),
    ),
    ...list(
      `${tool.name}: not understood`,
      describe(score.notUnderstood, (_, answer) => answer?.notUnderstood.join('; ') ?? ''),
    ),
    ...list(
      `${tool.name}: undecided, or not traced`,
      describe(openIds, (_, answer) => answer?.undecided.join('; ') ?? ''),
    ),
  ]
}

function rulesWithoutKind(tools: readonly Tool[]): string[] {
  return tools.flatMap(({ name, kinds, answers }) => {
    const said = new Set([...answers.values()].flatMap(({ findings }) => findings.map(({ rule }) => rule)))
    const without = [...said].filter((rule) => kinds[rule] === undefined || kinds[rule].about.length === 0)
    return without.length === 0 ? [] : [`${name}: ${without.sort().join(', ')}`]
  })
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`), '']
}
