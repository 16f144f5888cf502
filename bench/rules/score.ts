import type { RuleCase } from './case.ts'
import { outcomeOf } from './tool.ts'
import type { Outcome, Tool } from './tool.ts'
import type { Truth } from './truth.ts'

/** A case that the server answered. */
export interface AnsweredCase {
  one: RuleCase
  truth: Truth
}

/** What a tool did over some cases, by their ids. */
export interface Score {
  found: string[]
  missed: string[]
  falseAlarms: string[]
  /** Those with a statement that it did not understand. */
  notUnderstood: string[]
}

/** The cases for the rules of one tool or, where `source` is undefined, all of them. */
export interface ScoreRow {
  source: string | undefined
  hazards: number
  harmless: number
  scores: ReadonlyMap<Tool, Score>
}

/** What every tool did, for each source of cases and, last, for all. */
export function scoreRows(answered: readonly AnsweredCase[], tools: readonly Tool[]): ScoreRow[] {
  const sources = new Set(answered.flatMap(({ one }) => familiesOf(one)))
  return [...sources, undefined].map((source) => {
    const own = answered.filter(({ one }) => source === undefined || familiesOf(one).includes(source))
    const hazards = own.filter(({ truth }) => truth.hazard).length
    const scores = new Map(tools.map((tool) => [tool, scoreOf(tool, own)]))
    return { source, hazards, harmless: own.length - hazards, scores }
  })
}

function scoreOf(tool: Tool, answered: readonly AnsweredCase[]): Score {
  const idsWith = (wanted: Outcome): string[] =>
    answered
      .filter(({ one, truth }) => outcomeOf(one, truth.hazard, tool, tool.answers.get(one)) === wanted)
      .map(({ one }) => one.id)
  return {
    found: idsWith('found'),
    missed: idsWith('missed'),
    falseAlarms: idsWith('false alarm'),
    notUnderstood: answered
      .filter((each) => !isRefused(each) && (tool.answers.get(each.one)?.notUnderstood.length ?? 0) > 0)
      .map(({ one }) => one.id),
  }
}

/** Whether the server itself refuses the migration: then nobody has to understand it. */
export function isRefused({ one, truth }: AnsweredCase): boolean {
  return one.kind === 'fails' && truth.hazard
}

/** The tools for whose rules a case was written: the first word of its sources; users' complaints by themselves. */
function familiesOf(one: RuleCase): string[] {
  const families = one.sources.map((source) => {
    if (/ #\d+$/.test(source)) return 'complaints'
    return source.startsWith('lock table') ? 'lock table' : (source.split(' ')[0] ?? '')
  })
  return [...new Set(families)]
}

/** The three columns of a score, each with the figure that should be small. */
const columns = {
  'hazards found': (score: Score) => -score.found.length,
  'false alarms': (score: Score) => score.falseAlarms.length,
  'not understood': (score: Score) => score.notUnderstood.length,
}

/** A sentence for each row and column in which one of `own` is behind one of the other tools. */
export function whereBehind(rows: readonly ScoreRow[], own: readonly Tool[]): string[] {
  return rows.flatMap(({ source = 'all cases', scores }) =>
    Object.entries(columns).flatMap(([column, of]) =>
      [...scores]
        .filter(([other]) => !own.includes(other))
        .flatMap(([other, theirs]) =>
          [...scores]
            .filter(([tool, score]) => own.includes(tool) && of(score) > of(theirs))
            .map(([tool, score]) => {
              const [mine, best] = [of(score), of(theirs)].map(Math.abs)
              return `${source}, ${column}: ${tool.name} ${mine}, ${other.name} ${best}`
            }),
        ),
    ),
  )
}
