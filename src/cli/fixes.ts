import { FILE_HEADERS_ONLY, createTwoFilesPatch } from 'diff'
import type { CheckResult } from '../check/check.ts'
import { usageError } from '../errors.ts'
import { formatLocation } from '../findings/location.ts'
import type { Finding } from '../findings/finding.ts'
import { fixesOf, planFixes } from '../fixes/plan-fixes.ts'
import type { ChosenFix, FixPlan } from '../fixes/plan-fixes.ts'
import { changedFiles, writeFiles } from '../fixes/write-fixes.ts'
import type { ChangedFile } from '../fixes/write-fixes.ts'
import { printableLines } from '../reporters/printable-lines.ts'
import type { CommandContext, CommandInput } from './command.ts'
import { readLine } from './terminal/confirm.ts'
import type { Input } from './terminal/confirm.ts'

/** Which fixes are made, and how much is asked. */
export interface FixOptions {
  allowed: 'safe' | 'review'
  /** Whether nothing is asked. */
  yes: boolean
  /** Whether the changes are printed, and nothing is written. */
  dryRun: boolean
}

/** What --fix, --yes and --dry-run say. */
export function readFixOptions({ fix, yes, dryRun }: CommandInput['options']): FixOptions {
  return { allowed: fix === 'review' ? 'review' : 'safe', yes: yes === true, dryRun: dryRun === true }
}

/**
 * Makes the fixes of these findings, those that need a look one by one after asking; whether a file was changed.
 * @throws KeiError `nobody-to-ask`, `file-changed`, `file-exists`, `cannot-write`, `interrupted`
 */
export async function makeFixes(
  findings: readonly Finding[],
  { root, textOf }: Pick<CheckResult, 'root' | 'textOf'>,
  options: FixOptions,
  { terminal: { out, err }, signal }: Pick<CommandContext, 'terminal' | 'signal'>,
  input: Input = process.stdin,
): Promise<boolean> {
  const { allowed, yes, dryRun } = options
  const offered = fixesOf(findings, allowed)
  const changesOf = (plan: FixPlan) => changedFiles(root, plan, textOf)
  const isAsked = allowed === 'review' && !yes && !dryRun
  if (isAsked && offered.length > 0 && (input.isTTY !== true || !err.interactive)) {
    throw usageError({
      code: 'nobody-to-ask',
      message: '--fix=review shows every change and asks, and there is no terminal to ask on',
      hint: 'Pass --yes to make all of them, or --dry-run to see them.',
    })
  }
  const show = (one: ChosenFix) => err.write(`\n${describe(one)}\n${patch(changesOf(planFixes([one])))}`)
  const chosen = isAsked
    ? await ask(
        offered,
        show,
        (text) => err.write(text),
        () => readLine(input, signal),
      )
    : offered
  const plan = planFixes(chosen)
  const changed = changesOf(plan)
  if (dryRun) out.write(patch(changed))
  else writeFiles(root, changed)
  err.write(summary(plan, offered, findings, options))
  return !dryRun && changed.length > 0
}

async function ask(
  offered: readonly ChosenFix[],
  show: (one: ChosenFix) => void,
  write: (text: string) => void,
  answer: () => Promise<string | undefined>,
): Promise<ChosenFix[]> {
  const chosen: ChosenFix[] = []
  for (const [index, one] of offered.entries()) {
    show(one)
    write(`Make this change (${index + 1} of ${offered.length})? [y]es, [n]o, [a]ll that are left, [q]uit: `)
    const said = (await answer())?.trim().toLowerCase() ?? 'q'
    if (said.startsWith('a')) return [...chosen, ...offered.slice(index)]
    if (said.startsWith('q')) return chosen
    if (said.startsWith('y')) chosen.push(one)
  }
  return chosen
}

function describe({ finding: { location, rule, message }, fix }: ChosenFix): string {
  return printableText(`${formatLocation(location)} ${rule}: ${message}\n${fix.title}:`)
}

function patch(changed: readonly ChangedFile[]): string {
  return changed
    .map(({ file, before, after }) => {
      const from = before === undefined ? '/dev/null' : `a/${file}`
      const text = createTwoFilesPatch(from, `b/${file}`, before ?? '', after, undefined, undefined, {
        headerOptions: FILE_HEADERS_ONLY,
      })
      return printableText(text)
    })
    .join('')
}

function summary(
  { taken, postponed, newFiles }: FixPlan,
  offered: readonly ChosenFix[],
  findings: readonly Finding[],
  { allowed, dryRun }: FixOptions,
): string {
  const lines = taken.map(({ finding, fix }) => `${formatLocation(finding.location)} ${finding.rule}: ${fix.title}`)
  const made = `${taken.length} of ${offered.length} ${offered.length === 1 ? 'fix' : 'fixes'}`
  const files = newFiles.map(({ file }) => `new: ${file}`)
  const more = fixesOf(findings, 'review').length - fixesOf(findings, 'safe').length
  const rest = [
    ...(postponed.length > 0 ? [`${postponed.length} would edit the same place: run it again.`] : []),
    ...(allowed === 'safe' && more > 0 ? [`${more} more need a look: kei check --fix=review.`] : []),
  ]
  return `${printableText([...lines, ...files, `${dryRun ? 'Would make' : 'Made'} ${made}.`, ...rest].join('\n'))}\n`
}

function printableText(text: string): string {
  return printableLines(text).join('\n')
}
