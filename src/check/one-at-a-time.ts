import type { Finding } from '../findings/finding.ts'

/**
 * The findings, each with a word of warning where its recipe and another’s of the same check name the same new file:
 * each by itself numbers its files after the last. `kei check --fix=review` numbers them one after another.
 */
export function oneAtATime(findings: readonly Finding[]): Finding[] {
  const users = new Map<string, number>()
  for (const finding of findings) {
    for (const version of versionsOf(finding)) users.set(version, (users.get(version) ?? 0) + 1)
  }
  return findings.map((finding) => {
    const isShared = [...versionsOf(finding)].some((version) => (users.get(version) ?? 0) > 1)
    return isShared ? { ...finding, next: `${finding.next}\n${warning}` } : finding
  })
}

const warning = 'Other findings bring new files with the same numbers: make one recipe at a time, then check again.'

/** Where a finding's new files stand in the order of their folder, without the names that follow the number. */
function versionsOf({ fixes }: Finding): ReadonlySet<string> {
  const files = fixes.flatMap(({ newFiles }) => newFiles)
  return new Set(files.flatMap(({ file }) => /^.*?\d+(?=[^/\d][^/]*(?:\/[^/]*)?$)/.exec(file)?.[0] ?? []))
}
