import type { Finding } from './finding.ts'
import type { Location } from './location.ts'

/** The result of a check: one document, versioned, the same that `--reporter json` prints. */
export interface CheckReport {
  /** Of this document's shape. */
  version: 1
  /** kei's own version. */
  kei: string
  /** The major that it was judged by. */
  major: number
  /** Exact version of the shadow server; absent without a trace. */
  server?: string
  /** The running database that was judged beside the files; absent without one. */
  database?: CheckedDatabase
  folders: { path: string; layout: string; files: number }[]
  summary: {
    errors: number
    warnings: number
    notes: number
    files: number
    statements: number
    traced: number
    notTraced: number
    /** Findings on released files that are only counted; `--all` shows them. */
    releasedFindings: number
    /** Findings that the file of `--known` accepts; absent without one. */
    known?: number
    /** Findings that an ignore comment with a reason took away. */
    ignored: number
  }
  findings: Finding[]
  /**
   * What ignore comments with a reason took away, each with the reason; of released files only where findings on them
   * are shown.
   */
  ignored: IgnoredFinding[]
  /** What no evidence could decide, by rule. */
  unknown: { rule: string; needs: string; count: number }[]
  /** Statements that did not run on the shadow, each with its first cause. */
  notTraced: NotTraced[]
  /** What kei changed, skipped or stubbed so that the history could run, once each. */
  notices: string[]
}

/** The running database that a check asked. */
export interface CheckedDatabase {
  name: string
  /** Host and port, or the socket's path. */
  address: string
  /** `server_version`. */
  version: string
  /** The role that asked. */
  user: string
  /** In recovery. */
  standby: boolean
  /** The cluster's; absent where the role may not see it. */
  systemIdentifier?: string
}

/** A finding that somebody answers for. */
export interface IgnoredFinding {
  rule: string
  message: string
  location: Location
  /** As the ignore comment gives it. */
  reason: string
  /** Set where the rule is one about lost rows or values: the reason is an acknowledgement. */
  destructive?: true
}

export interface NotTraced {
  file: string
  line: number
  cause: string
  /** Set when it only failed because of an earlier statement. */
  root?: { file: string; line: number }
}
