import type { Evidence } from '../findings/evidence.ts'
import type { Database } from '../findings/database.ts'
import type { Severity } from '../findings/finding.ts'
import type { Fix } from '../findings/fix.ts'
import type { LockMode } from '../findings/lock-mode.ts'
import type { Location } from '../findings/location.ts'
import type { Span } from '../sql/positions.ts'
import type { NodeTag } from '../sql/statement.ts'
import type { SubjectKind, Subjects } from './subject.ts'

export type RuleCategory =
  | 'migration'
  | 'schema'
  | 'query'
  | 'index'
  | 'settings'
  | 'authentication'
  | 'health'
  | 'secrets'
  | 'pooling'
  | 'backup'
  | 'project'

export const supportedMajors = [16, 17, 18] as const
export type Major = (typeof supportedMajors)[number]

/** A place in a file (offsets into its decoded text) or an object that stands in no file. */
export type Place = { file: string; text: string; span: Span } | Exclude<Location, { kind: 'file' }>

/** What a rule says about a subject. What it cannot decide it says too: never guessed, never silent. */
export type Verdict =
  | {
      kind: 'finding'
      message: string
      at: Place
      evidence: [Evidence, ...Evidence[]]
      next: string
      /** Default: the rule's own. */
      severity?: Severity
      related?: { at: Place; message: string }[]
      fixes?: Fix[]
      /** What makes it the same finding after edits elsewhere; default: the text at the place. */
      identity?: string
      /**
       * The object that it is about, as PostgreSQL prints it (`public.orders.customer_id`): a file's finding and a live
       * database's about one object are one finding.
       */
      object?: string
    }
  | {
      kind: 'unknown'
      /** What would decide it, in words that follow "needs": `a trace`, `the type of public.t.c`. */
      needs: string
      /** The file that it is about: what is ignored there may be needed once it is decided. */
      file?: string
    }

export interface RuleContext<Options = RuleOptions> {
  /** The target's major. */
  major: Major
  /** The day of the check, ISO 8601. */
  today: string
  options: Options
}

export type RuleOptions = Record<string, number | string | boolean>

/** An option of a rule, for kei.jsonc and the documentation page. */
export interface RuleOption {
  description: string
  default: number | string | boolean
}

/**
 * One file or several, oldest first, with what must be there before. `setup` runs first and is not checked: it is a
 * released migration.
 */
export interface RuleExample {
  title: string
  setup?: string
  /** What the rule's options are, of those that are not at their defaults. For rules about a database. */
  options?: RuleOptions
  /** Gives exactly one finding of this rule, in the last file. One migration, or several in order. */
  bad: string | ExampleFile[]
  /** The text of the last file that the finding points at; empty: the file's start. For a database: the object. */
  at: string
  /** Gives no finding of this rule. */
  good: string | ExampleFile[]
  /** The majors that it is about. Default: all supported. */
  majors?: readonly [Major, ...Major[]]
  /** SQLSTATE with which PostgreSQL refuses `bad` there: its trace ends at that. */
  fails?: string
}

export interface ExampleFile {
  /** `<version>_<name>.sql`, or `<version>_<name>.down.sql` after it. */
  file: string
  text: string
}

/**
 * What a rule asserts about PostgreSQL. The tests run `setup` and then `statement` on every supported major (or on
 * `majors`) and fail when the server disagrees. Relations are named as PostgreSQL prints them.
 */
export interface RuleClaim {
  /** A short sentence; it becomes part of the documentation page. */
  says: string
  setup: string
  statement: string
  /** Default: all supported majors. */
  majors?: Major[]
  /** Strongest lock on each relation named; relations not named are not asserted. */
  locks?: Record<string, LockMode>
  /** Relations rewritten; empty: none. Not asserted when undefined. */
  rewrites?: string[]
  /** Relations read from end to end; empty: none. Not asserted when undefined. */
  scans?: string[]
  /** SQLSTATE with which the statement must fail. */
  fails?: string
  /** A query that must return exactly these rows after the statement (all columns as text). */
  then?: { query: string; rows: (string | null)[][] }
}

/** Which objects a rule's fix changes in the catalog when it is applied to `bad`. */
export interface CatalogChanges {
  /** `objectType name` of what may differ, for example `index public.orders_customer_id_idx`. Empty: nothing. */
  objects: string[]
}

export interface Rule<K extends SubjectKind = SubjectKind> {
  /** The file's stem, page, config key, ignore name and SARIF id: `no-…`, `require-…`, `prefer-…`. Never reused. */
  id: string
  /** The version of kei that first had it. */
  since: string
  severity: Severity
  category: RuleCategory
  subject: K
  /** The kinds of statements that a rule about statements is asked about, those in code too. Default: all. */
  statements?: readonly NodeTag[]
  /** Asked about all other statements, too, that were traced or run code: for what was seen there. */
  statementsWithCode?: true
  /**
   * About the schema that the history leaves (`state`), shown for released files too, or about what running a file
   * does (`change`), a count for released files.
   */
  about: 'state' | 'change' | 'file'
  /** What it finds can lose rows or values for good: an ignore comment on it is an acknowledgement that reports show. */
  destructive?: true
  /** Evidence it can use; the first is enough for a finding. */
  needs: readonly Evidence['kind'][]
  /** One sentence, no full stop: what it finds. */
  summary: string
  /** Why that hurts, in a few sentences. */
  why: string
  /** What to do instead. */
  instead: string
  examples: readonly RuleExample[]
  /** Manual sections, papers, issues. */
  sources: readonly string[]
  options: Readonly<Record<string, RuleOption>>
  /** What its fixes change; a rule without fixes has none. */
  changes?: CatalogChanges
  claims: readonly RuleClaim[]
  check(subject: Subjects[K], context: RuleContext): Iterable<Verdict>
  /**
   * What a live database shows of the same; for rules whose subject is another. Its findings stand at objects and name
   * their `object`.
   */
  live?(database: Database, context: RuleContext): Iterable<Verdict>
}

/** Types a rule by its subject. */
export function defineRule<K extends SubjectKind>(rule: Rule<K>): Rule<K> {
  return rule
}
