/**
 * How the tool that owns a folder sends a file to the server; it decides what can stand in it and how long locks are
 * held.
 * - `grouped`: kei's runner: the grammar decides; maximal transactional groups, the rest alone.
 * - `transaction`: the runner opens one transaction around the file and sends statement by statement (goose).
 * - `statement`: each statement on its own, no transaction (goose `NO TRANSACTION`).
 * - `simple-query`: the whole file as one string: an implicit transaction (golang-migrate, Prisma).
 */
export type TransactionMode = 'grouped' | 'transaction' | 'statement' | 'simple-query'

/**
 * A stretch of a migration file that runs in one direction. `text` is the file's part as decoded: UTF-8, byte order
 * mark off, CRLF as LF; `start` is its UTF-16 offset in the decoded file.
 */
export interface Section {
  /** Path relative to the repository, `/` as separator. */
  file: string
  text: string
  start: number
  mode: TransactionMode
}

export interface MigrationFile {
  /** `kei`, `goose`, `golang-migrate`, `prisma`. */
  layout: string
  /** As written; compared by the layout, never here. */
  version: string
  name: string
  /** Path of the up file, relative to the repository. */
  path: string
  up: Section
  down?: Section
  /** On the main branch: it cannot be changed any more. */
  released: boolean
  /** Hexadecimal SHA-256 of the decoded text of the up section and of how it is run. */
  checksum: string
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
  layout: string
  /** Relative to the repository; `.` for the repository itself. */
  path: string
  migrations: MigrationFile[]
  unreadable: UnreadableFile[]
  /** Migrations that are code (goose .go): the trace cannot run them. Path and version. */
  code: { path: string; version: string }[]
}
