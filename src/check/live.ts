import type { Authentication } from '../findings/authentication.ts'
import type { Database } from '../findings/database.ts'
import type { CheckedDatabase } from '../findings/report.ts'
import { supportedMajors } from '../rules/rule.ts'
import type { Surrounding } from '../rules/subject.ts'

/** What of a running database is judged: itself, its settings, and who may log in. */
export function liveSubjects(database: Database): Surrounding[] {
  const { settings, authentication, denied } = database
  return [
    { kind: 'settings', subject: settings },
    { kind: 'authentication', subject: authentication ?? unseen(denied.authentication ?? 'a superuser') },
    { kind: 'database', subject: database },
  ]
}

function unseen(needs: string): Authentication {
  return {
    from: 'server',
    records: [],
    faults: [],
    unread: [{ at: { kind: 'setting', name: 'pg_hba_file_rules' }, needs }],
  }
}

/** Which database was asked, for the report. */
export function checkedDatabase(database: Database): CheckedDatabase {
  const { name, address, version, user, standby, systemIdentifier } = database
  return { name, address, version, user, standby, ...(systemIdentifier !== undefined && { systemIdentifier }) }
}

/** What is to be known of judging a database, and files by `major` where there are any. */
export function liveNotices({ denied, user, major: own, version }: Database, major: number, files: number): string[] {
  const notices: string[] = []
  if (denied.settings !== undefined) {
    notices.push(`${user} does not see every setting of the server: it needs ${denied.settings}.`)
  }
  if (own !== major && files > 0) {
    const remedy = isSupported(own) ? `: set "postgres": { "major": ${own} } in kei.jsonc, or --postgres-major` : ''
    notices.push(`The migrations are judged by PostgreSQL ${major}, and the server is ${version}${remedy}.`)
  }
  if (!isSupported(own)) {
    notices.push(`PostgreSQL ${own} is none of the versions that kei is tested on (${supportedMajors.join(', ')}).`)
  }
  return notices
}

function isSupported(major: number): boolean {
  return supportedMajors.some((supported) => supported === major)
}
