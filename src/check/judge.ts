import type { Database } from '../findings/database.ts'
import type { Finding } from '../findings/finding.ts'
import type { IgnoredFinding } from '../findings/report.ts'
import type { Major, Rule, RuleContext, Verdict } from '../rules/rule.ts'
import { placeOfStatement } from '../rules/place.ts'
import type {
  HistorySubject,
  StatementSubject,
  SubjectKind,
  Subjects,
  Surrounding,
  UnreadableSubject,
} from '../rules/subject.ts'
import { applyIgnores, ignoreSubjects } from './ignores.ts'
import type { FileIgnores, ReasonedFinding } from './ignores.ts'
import { oneAtATime } from './one-at-a-time.ts'
import type { EnabledRule } from './rule-settings.ts'
import { compareFindings, createFindingWriter } from './verdicts.ts'
import type { PlacedFinding } from './verdicts.ts'

type FindingVerdict = Verdict & { kind: 'finding' }

/** Everything that was read of a project, ready to be judged. */
export interface JudgedMatter {
  histories: HistorySubject[]
  /** Default: none. */
  surroundings?: readonly Surrounding[]
  unreadable: UnreadableSubject[]
  ignores: FileIgnores[]
  /** Files on the main branch, relative to the repository. */
  released: ReadonlySet<string>
}

export interface JudgeOptions {
  major: Major
  /** The day of the check, ISO 8601. */
  today: string
  /** Whether findings on released files are shown rather than counted. */
  all: boolean
  /** The ids of all rules, those that are off too. */
  knownRules: readonly string[]
  /** The files that were asked for: the others are read, because they mean little without them, but not judged. */
  only?: ReadonlySet<string> | undefined
}

export interface Judgement {
  findings: Finding[]
  /** Findings that are only counted, since they stand in released files. */
  releasedFindings: number
  /** How many findings ignore comments with a reason took away, those of released files too. */
  ignoredFindings: number
  ignored: IgnoredFinding[]
  unknown: { rule: string; needs: string; count: number }[]
}

/** Runs the rules over the matter. Pure: the same matter gives the same judgement. */
export function judge(matter: JudgedMatter, rules: readonly EnabledRule[], options: JudgeOptions): Judgement {
  const write = createFindingWriter()
  const unknown = new Map<string, { rule: string; needs: string; count: number }>()
  const undecided: { rule: string; file: string }[] = []
  const placed: PlacedFinding[] = []
  const byObject = new Map<string, Finding>()

  const rulesFor = rulesBySubject(rules)

  function run<K extends SubjectKind>(
    kind: K,
    subject: Subjects[K],
    mended = (finding: FindingVerdict) => finding,
  ): void {
    const statement = kind === 'statement' ? (subject as StatementSubject) : undefined
    for (const enabled of rulesFor(kind, statement)) {
      const context: RuleContext = { major: options.major, today: options.today, options: enabled.options }
      // `rulesFor` is what makes this rule one for subjects of kind K.
      const rule = enabled.rule as unknown as Rule<K>
      for (const verdict of rule.check(subject, context)) {
        collect(enabled, verdict.kind === 'finding' ? mended(verdict) : verdict)
      }
    }
  }

  function runSurrounding<K extends Surrounding['kind']>({ kind, subject }: { kind: K; subject: Subjects[K] }): void {
    run(kind, subject)
  }

  function runLive(database: Database): void {
    for (const enabled of rules) {
      const context: RuleContext = { major: options.major, today: options.today, options: enabled.options }
      for (const verdict of enabled.rule.live?.(database, context) ?? []) collect(enabled, verdict)
    }
  }

  function collect(enabled: EnabledRule, verdict: Verdict): void {
    if (verdict.kind === 'finding') {
      const known = verdict.object === undefined ? undefined : byObject.get(`${enabled.rule.id}\0${verdict.object}`)
      if (known !== undefined && !('span' in verdict.at)) {
        known.evidence = [...known.evidence, ...verdict.evidence]
        return
      }
      const one = write(enabled.rule, enabled.severity, verdict)
      placed.push(one)
      if (verdict.object !== undefined) byObject.set(`${enabled.rule.id}\0${verdict.object}`, one.finding)
      return
    }
    if (verdict.file !== undefined) undecided.push({ rule: enabled.rule.id, file: verdict.file })
    const key = `${enabled.rule.id}\0${verdict.needs}`
    const entry = unknown.get(key) ?? { rule: enabled.rule.id, needs: verdict.needs, count: 0 }
    entry.count++
    unknown.set(key, entry)
  }

  const concerns = ({ file }: { file: string }) => options.only === undefined || options.only.has(file)
  const ignores = matter.ignores.filter(concerns)

  for (const subject of matter.unreadable.filter(concerns)) run('unreadable', subject)
  for (const history of matter.histories) {
    const asked = history.migrations.filter(({ file, down }) => concerns({ file }) || (down && concerns(down)))
    for (const migration of asked) {
      for (const subject of migration.statements) {
        run('statement', subject)
        for (const inner of subject.inner) run('statement', inner, (finding) => inCode(inner, finding))
      }
      run('migration', migration)
    }
    run('history', history)
  }
  for (const surrounding of matter.surroundings ?? []) {
    runSurrounding(surrounding)
    if (surrounding.kind === 'database') runLive(surrounding.subject)
  }
  // What a commit long ago brought is no part of what was asked for; a live database always is.
  const isAsked = ({ finding: { location }, rule }: PlacedFinding) =>
    location.kind === 'file' ? concerns(location) : options.only === undefined || rule.subject !== 'environment'
  const asked = placed.filter(isAsked)
  const { kept, ignored } = applyIgnores(asked, undecided, ignores)
  // Judged last: only now is known which of them took anything away.
  const before = placed.length
  for (const subject of ignoreSubjects(ignores, options.knownRules)) run('ignore', subject)
  const all = [...kept, ...placed.slice(before)]

  const isShown = (one: PlacedFinding) => options.all || !isOnlyCounted(one, matter.released)
  const shown = all.filter(isShown)
  return {
    findings: oneAtATime(shown.map((one) => withoutReleasedEdits(one.finding, matter.released))).sort(compareFindings),
    releasedFindings: all.length - shown.length,
    ignoredFindings: ignored.length,
    ignored: ignored
      .filter(({ placed }) => isShown(placed))
      .map(ignoredFinding)
      .sort(compareFindings),
    unknown: [...unknown.values()].sort((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : b.count - a.count)),
  }
}

/** The rules to ask about a subject, in their order. Most statements concern few of them. */
function rulesBySubject(
  rules: readonly EnabledRule[],
): (kind: SubjectKind, statement: StatementSubject | undefined) => readonly EnabledRule[] {
  const known = new Map<string, EnabledRule[]>()
  return (kind, statement) => {
    const tag = statement?.statement.tag
    const hasCode = statement !== undefined && mayRunCode(statement)
    const key = `${kind} ${tag ?? ''} ${hasCode}`
    let found = known.get(key)
    if (found === undefined) {
      found = rules.filter(({ rule: { subject, statements, statementsWithCode } }) => {
        if (subject !== kind) return false
        return tag === undefined || statements?.includes(tag) !== false || (hasCode && statementsWithCode === true)
      })
      known.set(key, found)
    }
    return found
  }
}

/** Whether its trace or its text may show what code did: that of functions that it calls, or of triggers. */
function mayRunCode({ trace, within, inner, dynamic }: StatementSubject): boolean {
  return trace !== undefined || within?.trace !== undefined || inner.length > 0 || dynamic.length > 0
}

/**
 * A finding about a statement in code. It has no fix, since nothing edits code; its place is that of what sends the
 * statement where the file has not the statement's text, and then it says which function does.
 */
function inCode(subject: StatementSubject, finding: FindingVerdict): FindingVerdict {
  const { statement, migration, definedAt } = subject
  const { start, end } = statement
  const isWritten = migration.text.slice(start, end) === statement.text
  const at = !isWritten && 'span' in finding.at ? placeOfStatement(subject) : finding.at
  const definition = definedAt && {
    at: { file: definedAt.file, text: definedAt.text, span: definedAt.span },
    message: `the function ${definedAt.name}, which runs it`,
  }
  return { ...finding, at, related: [...(finding.related ?? []), ...(definition ? [definition] : [])], fixes: [] }
}

function ignoredFinding({ placed: { finding, rule }, reason }: ReasonedFinding): IgnoredFinding {
  const { message, location } = finding
  return { rule: rule.id, message, location, reason, ...(rule.destructive && { destructive: true }) }
}

/** What a released file did cannot be undone by editing it; what is still wrong in the schema it left is shown. */
function isOnlyCounted({ finding, rule }: PlacedFinding, released: ReadonlySet<string>): boolean {
  return rule.about === 'change' && finding.location.kind === 'file' && released.has(finding.location.file)
}

function withoutReleasedEdits(finding: Finding, released: ReadonlySet<string>): Finding {
  const fixes = finding.fixes.filter((fix) => !fix.edits.some((edit) => released.has(edit.file)))
  return fixes.length === finding.fixes.length ? finding : { ...finding, fixes }
}
