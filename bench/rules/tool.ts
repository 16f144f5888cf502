import type { RuleCase } from './case.ts'
import type { RuleKinds } from './kinds-of-rules.ts'

/** What a tool says of a case's migration. */
export interface Answer {
  findings: readonly Flag[]
  /** Why it could not read or analyse a statement; one for each. */
  notUnderstood: readonly string[]
  /** What it says that it cannot decide. */
  undecided: readonly string[]
}

export interface Flag {
  rule: string
  /** Rated as low by the tool: counted where it is right, not where it is wrong. */
  isMild: boolean
}

/** A program with a setting, judged by its answers. */
export interface Tool {
  name: string
  kinds: Readonly<Record<string, RuleKinds>>
  /** By case. */
  answers: ReadonlyMap<RuleCase, Answer>
}

export type Outcome = 'found' | 'missed' | 'quiet' | 'false alarm'

/** How an answer compares with what the server said. */
export function outcomeOf(one: RuleCase, hazard: boolean, { kinds }: Tool, answer: Answer | undefined): Outcome {
  const flags = answer?.findings ?? []
  const about = flags.filter(({ rule }) => kinds[rule]?.about.includes(one.kind))
  if (!hazard) return about.some(({ isMild }) => !isMild) ? 'false alarm' : 'quiet'
  const partly = flags.some(({ rule }) => kinds[rule]?.partly?.includes(one.kind))
  return about.length > 0 || partly ? 'found' : 'missed'
}
