import type { LayoutName } from '../config/config.ts'
import type { SumFile } from '../findings/sum-file.ts'
import type { TransactionMode } from '../sql/transactions.ts'

/**
 * A stretch of a migration file that runs in one direction. `text` is the file's part as decoded: UTF-8, byte order
 * mark off, CRLF as LF, a delimiter of Atlas's as semicolons; `start` is its UTF-16 offset in the decoded file.
 */
export interface Section {
  /** Path relative to the repository, `/` as separator. */
  file: string
  text: string
  start: number
  mode: TransactionMode
}

export interface MigrationFile {
  layout: LayoutName
  /**
   * As written, zeros in front included: goose takes 001 and 1 for the same. Prisma's is the folder's whole name;
   * Flyway's has dots for underscores, and that of a repeatable migration is its file's name without `.sql`.
   */
  version: string
  name: string
  /** Path of the up file, relative to the repository. */
  path: string
  /** The decoded text of the whole file; `up.text` is a stretch of it. */
  text: string
  up: Section
  down?: Section
  /** On the main branch: it cannot be changed any more. */
  released: boolean
}

/** A file of a migration folder that cannot be read as a migration; it is named and counted, never passed over. */
export interface UnreadableFile {
  path: string
  /** Stable: `invalid-utf8`, `too-large`, `not-a-regular-file`, `outside-repository`, `bad-annotation` … */
  code: string
  message: string
  line?: number
}

/** One folder of migrations, in the order in which its tool runs them. */
export interface MigrationFolder {
  layout: LayoutName
  /** Relative to the repository; `.` for the repository itself. */
  path: string
  migrations: MigrationFile[]
  unreadable: UnreadableFile[]
  /** Migrations that are code (goose .go): the trace cannot run them. Path and version. */
  code: { path: string; version: string }[]
  /** Of a folder over which Atlas keeps its integrity file, or should. */
  sum?: SumFile
}
