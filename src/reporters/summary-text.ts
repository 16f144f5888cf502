import type { Severity } from '../findings/finding.ts'
import type { CheckReport, CheckedDatabase } from '../findings/report.ts'

/** `1 statement`, `2 statements`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** How many findings of each severity there are, where there are any: `2 errors`, `1 note`. */
export function severityCounts({ summary }: CheckReport): { severity: Severity; text: string }[] {
  const counts = [
    { severity: 'error', n: summary.errors },
    { severity: 'warning', n: summary.warnings },
    { severity: 'note', n: summary.notes },
  ] as const
  return counts.filter(({ n }) => n > 0).map(({ severity, n }) => ({ severity, text: count(n, severity) }))
}

/** The findings in a few words: `2 errors, 1 note`, or `nothing found`. */
export function foundText(report: CheckReport): string {
  return (
    severityCounts(report)
      .map(({ text }) => text)
      .join(', ') || 'nothing found'
  )
}

/** How many folders are named before the rest is a count. */
const shownFolders = 20

/** What was checked and how much of it ran, a line for each; `show` makes a name safe for where it is printed. */
export function scopeText(report: CheckReport, show: (path: string) => string): string {
  const { folders, database } = report
  const lines = [
    ...(folders.length > 0 ? [migrationsText(report, show)] : []),
    ...(database === undefined ? [] : [databaseText(database, show)]),
  ]
  return lines.length === 0 ? 'No migrations' : lines.join('\n')
}

function migrationsText({ summary, folders, server }: CheckReport, show: (path: string) => string): string {
  const named = folders.slice(0, shownFolders).map(({ path, layout }) => `${show(path)} (${layout})`)
  const where = [...named, ...(folders.length > named.length ? [`${folders.length - named.length} more`] : [])].join(
    ', ',
  )
  const ran =
    server === undefined
      ? `${count(summary.statements, 'statement')}, none of them run (judged by the text alone)`
      : `${count(summary.statements, 'statement')}, ${summary.traced} of them run on PostgreSQL ${server}`
  return `${count(summary.files, 'migration')} in ${where}: ${ran}`
}

function databaseText(database: CheckedDatabase, show: (name: string) => string): string {
  const { name, address, version, standby, user, systemIdentifier } = database
  const server = [
    `PostgreSQL ${version}`,
    ...(standby ? ['a standby'] : []),
    ...(systemIdentifier === undefined ? [] : [`system identifier ${systemIdentifier}`]),
  ]
  return `Database ${show(name)} at ${show(address)}, asked as ${show(user)}: ${server.join(', ')}`
}

/** What is counted but not shown, or undefined. */
export function countedText({ summary }: CheckReport): string | undefined {
  const counted = [
    ...(summary.known === undefined || summary.known === 0 ? [] : [`${summary.known} known before`]),
    ...(summary.ignored > 0 ? [`${summary.ignored} ignored with a reason`] : []),
    ...(summary.releasedFindings > 0
      ? [`${count(summary.releasedFindings, 'finding')} on released files only counted (--all shows them)`]
      : []),
  ]
  return counted.length === 0 ? undefined : counted.join(', ')
}
