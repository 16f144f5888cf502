import type { FileHeader } from '../sql/file-header.ts'

/** A migration of kei's layout, as the runner sees it: its texts, decoded, and what their headers ask for. */
export interface Migration {
  /** Digits, as written; `1` and `0001` are the same version. */
  version: string
  name: string
  up: MigrationText
  down?: MigrationText
}

export type Direction = 'up' | 'down'

/** One file of a migration. */
export interface MigrationText {
  /** Path relative to the repository. */
  file: string
  /** UTF-8, byte order mark off, CRLF as LF. This is what is parsed, run and kept. */
  text: string
  header: FileHeader
  /** As `checksumOf`: `1:` and 64 hexadecimal digits. */
  checksum: string
}
