import { randomBytes } from 'node:crypto'
import { chownSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join, relative } from 'node:path'
import { runAsServer, serverUser } from '../server-user.ts'
import { initdbOptions } from '../shadow/base-cluster.ts'
import { serverFolder } from '../shadow/private-folder.ts'
import { syncPath } from '../shadow/unsynced.ts'
import { serverFailed } from './failure.ts'
import { recordMadeHere } from './made-here.ts'
import type { DevelopmentPlaces } from './places.ts'

/** The role that owns the cluster. */
export const superuser = 'postgres'

/**
 * Makes the cluster of a project's development server, on disk and recorded as made here. It gets its name last, so
 * that one whose making was cut short is never taken for a cluster: the next call removes it. The caller holds the lock
 * of `places.folder`.
 * @param bin Folder of the server programs.
 * @throws KeiError `development-server-failed`
 */
export async function makeCluster(bin: string, places: DevelopmentPlaces, cacheFolder: string): Promise<void> {
  // Whatever lost its PG_VERSION may still hold somebody's rows.
  if (lstatSync(places.dataDirectory, { throwIfNoEntry: false }) !== undefined) {
    throw serverFailed(`${places.dataDirectory} is no cluster, and kei does not overwrite it`)
  }
  // An initdb can outlive the kei that started it, and go on writing for a moment.
  await rm(places.server, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  serverFolder(places.server)
  const draft = join(places.server, `new-${randomBytes(8).toString('hex')}`)
  await runAsServer(serverUser(), join(bin, 'initdb'), ['-D', draft, '-U', superuser, ...initdbOptions]).catch(
    (error: unknown) => {
      throw serverFailed((error as { stderr?: string }).stderr ?? String(error), error)
    },
  )
  await write(join(draft, 'pg_hba.conf'), [
    'local all all peer map=kei',
    'host all all 127.0.0.1/32 scram-sha-256',
    'host all all ::1/128 scram-sha-256',
  ])
  await write(join(draft, 'pg_ident.conf'), [`kei "${userInfo().username}" all`])
  const settings = readFileSync(join(draft, 'postgresql.conf'), 'utf8')
  await write(join(draft, 'postgresql.conf'), [settings, includeLine(places)])
  await syncPath(draft)
  // Before the name: else a kei killed in between leaves a cluster that the next one takes for a stranger's.
  await recordMadeHere(places, draft, cacheFolder)
  await rename(draft, places.dataDirectory)
  await syncPath(places.server)
  await syncPath(places.folder)
}

/**
 * Checks that the cluster reads kei's settings. One that was adopted may not, and would then listen where PostgreSQL's
 * defaults say: in the system's folder for temporary files and on TCP.
 * @throws KeiError `development-server-failed`
 */
export function checkIncludesSettings(places: DevelopmentPlaces): void {
  const path = join(places.dataDirectory, 'postgresql.conf')
  if (readFileSync(path, 'utf8').split('\n').includes(includeLine(places))) return
  throw serverFailed(`${path} lacks the line: ${includeLine(places)}`)
}

function includeLine(places: DevelopmentPlaces): string {
  return `include '${relative(places.dataDirectory, places.settingsFile)}'`
}

async function write(path: string, lines: string[]): Promise<void> {
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 })
  const user = serverUser()
  if (user !== undefined) chownSync(path, user.uid, user.gid)
  await syncPath(path)
}
