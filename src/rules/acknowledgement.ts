import type { StatementSubject } from './subject.ts'

/**
 * What a finding about a destructive statement tells a person to do: `first` (sentences), then the line by which they
 * answer for it. The reason is theirs to give, so no fix writes it.
 */
export function acknowledge({ within }: StatementSubject, rule: string, first: string): string {
  const where = within === undefined ? 'the statement' : 'the statement around this code'
  return `${first} Then answer for it with a line before ${where}:\n  -- kei: ignore ${rule}: REASON`
}

/** The command that keeps what tables hold, for the person who drops them. */
export function dumpCommand(tables: readonly string[]): string {
  const patterns = tables.map((table) => `--table='${table.replaceAll("'", "'\\''")}'`).join(' ')
  return `pg_dump --format=custom --file=before-drop.dump ${patterns}`
}
