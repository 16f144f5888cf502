/** A line of PostgreSQL: one major with its minors. Dates are ISO 8601. */
export interface ReleaseLine {
  major: number
  firstRelease: string
  /** The day of its last minor; there are no fixes after it. */
  endOfLife: string
  newest: { minor: number; date: string }
}

/**
 * What https://www.postgresql.org/support/versioning/ said on 2026-11-23, oldest first. A newer kei knows newer minors;
 * a server that is ahead of this table is not behind.
 */
export const releaseLines: readonly ReleaseLine[] = [
  line(10, '2017-10-05', '2022-11-10', 23, '2022-11-10'),
  line(11, '2018-10-18', '2023-11-09', 22, '2023-11-09'),
  line(12, '2019-10-03', '2024-11-21', 22, '2024-11-21'),
  line(13, '2020-09-24', '2025-11-13', 23, '2025-11-13'),
  line(14, '2021-09-30', '2026-11-12', 25, '2026-11-12'),
  line(15, '2022-10-13', '2027-11-11', 20, '2026-11-12'),
  line(16, '2023-09-14', '2028-11-09', 16, '2026-11-12'),
  line(17, '2024-09-26', '2029-11-08', 12, '2026-11-12'),
  line(18, '2025-09-25', '2030-11-14', 7, '2026-11-12'),
]

function line(major: number, firstRelease: string, endOfLife: string, minor: number, date: string): ReleaseLine {
  return { major, firstRelease, endOfLife, newest: { minor, date } }
}

/** A server's version: `17.2`, or only `17` where the minor is not said. */
export interface ServerVersion {
  major: number
  minor?: number
}

/** `server_version` as a server says it, with what a distribution adds; undefined for a beta of a new major. */
export function parseVersion(text: string): ServerVersion | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?![\d.]*[a-z])/.exec(text)
  if (match === null) return undefined
  return { major: Number(match[1]), ...(match[2] !== undefined && { minor: Number(match[2]) }) }
}

export type Standing =
  | { kind: 'ended'; endOfLife: string | undefined; newest: string | undefined }
  | { kind: 'ending'; endOfLife: string; behind: number; newest: string }
  | { kind: 'behind'; behind: number; newest: string; date: string }

const monthsOfWarning = 6

/** How a version stands on a day; undefined: nothing to say, or a line that this kei does not know. */
export function standingOf({ major, minor }: ServerVersion, today: string): Standing | undefined {
  const found = releaseLines.find((each) => each.major === major)
  if (found === undefined) {
    const isOlder = major < (releaseLines[0]?.major ?? 0)
    return isOlder ? { kind: 'ended', endOfLife: undefined, newest: undefined } : undefined
  }
  const newest = `${major}.${found.newest.minor}`
  if (found.endOfLife <= today) return { kind: 'ended', endOfLife: found.endOfLife, newest }
  const isOut = found.newest.date <= today
  const behind = minor === undefined || !isOut ? 0 : Math.max(0, found.newest.minor - minor)
  if (found.endOfLife <= monthsAfter(today, monthsOfWarning)) {
    return { kind: 'ending', endOfLife: found.endOfLife, behind, newest }
  }
  return behind === 0 ? undefined : { kind: 'behind', behind, newest, date: found.newest.date }
}

function monthsAfter(day: string, months: number): string {
  const date = new Date(`${day}T00:00:00Z`)
  date.setUTCMonth(date.getUTCMonth() + months)
  return date.toISOString().slice(0, 10)
}
