import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { usageError } from '../../errors.ts'
import { ownFolder } from '../shadow/private-folder.ts'
import { syncPath } from '../shadow/unsynced.ts'
import { serverFailed } from './failure.ts'
import type { DevelopmentPlaces } from './places.ts'

/**
 * Checks that kei made the cluster in a project on this machine. A repository can bring a `.kei` folder of its own, and
 * the settings in a data directory can name programs to run.
 * @throws KeiError `development-server-not-made-here`, `development-server-failed`
 */
export function checkMadeHere(places: DevelopmentPlaces, cacheFolder: string): void {
  const path = recordPath(places, cacheFolder)
  if (existsSync(path) && readFileSync(path, 'utf8') === systemIdentifier(places.dataDirectory)) return
  throw usageError({
    code: 'development-server-not-made-here',
    message: `kei has no record of having made the cluster in ${places.folder}, and a cluster's settings can run programs.`,
    hint: 'If it is yours, run `kei pg start --adopt`; otherwise remove that folder.',
  })
}

/**
 * Records that a cluster may be run as that of a project, and brings the record to the disk.
 * @param dataDirectory Where the cluster is now: one that is being made has another name until it is done.
 * @throws KeiError `development-server-failed` when there is no cluster.
 */
export async function recordMadeHere(
  places: DevelopmentPlaces,
  dataDirectory: string,
  cacheFolder: string,
): Promise<void> {
  const path = recordPath(places, cacheFolder)
  writeFileSync(path, systemIdentifier(dataDirectory), { mode: 0o600 })
  await syncPath(path)
  await syncPath(dirname(path))
}

function recordPath(places: DevelopmentPlaces, cacheFolder: string): string {
  return join(ownFolder(join(cacheFolder, 'development')), places.hash)
}

/** `pg_control` begins with the system identifier, a 64-bit number that initdb made up. */
function systemIdentifier(dataDirectory: string): string {
  const path = join(dataDirectory, 'global', 'pg_control')
  if (!existsSync(path)) throw serverFailed(`${path} is missing, so ${dataDirectory} is no cluster`)
  return readFileSync(path).subarray(0, 8).toString('hex')
}
