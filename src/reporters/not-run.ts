import type { CheckReport } from '../findings/report.ts'

/** A statement that did not run on the shadow, with the statements that did not run because of it. */
export interface NotRun {
  file: string
  line: number
  /** Undefined where the report has only statements that did not run because of this one. */
  cause: string | undefined
  /** How many other statements did not run because of it. */
  followers: number
}

/**
 * The root causes of statements that did not run, each once, in the report's order. Empty without a server: then
 * nothing ran, which the summary says, and a notice says why.
 */
export function notRun(report: CheckReport): NotRun[] {
  if (report.server === undefined) return []
  const causes = report.notTraced
    .filter(({ root }) => root === undefined)
    .map(({ file, line, cause }): NotRun => ({ file, line, cause, followers: 0 }))
  const byPlace = new Map<string, NotRun>()
  for (const cause of causes) if (!byPlace.has(keyOf(cause))) byPlace.set(keyOf(cause), cause)
  for (const { root } of report.notTraced) {
    if (root === undefined) continue
    const known = byPlace.get(keyOf(root)) ?? { ...root, cause: undefined, followers: 0 }
    if (known.cause === undefined && known.followers === 0) {
      byPlace.set(keyOf(root), known)
      causes.push(known)
    }
    known.followers++
  }
  return causes
}

function keyOf({ file, line }: { file: string; line: number }): string {
  return `${line} ${file}`
}
