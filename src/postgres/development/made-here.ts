import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../../errors.ts'
import { ownFolder } from '../shadow/private-folder.ts'
import type { DevelopmentPlaces } from './places.ts'

/**
 * Checks that kei made the cluster in a project on this machine. A repository can bring a `.kei` folder of its own, and
 * the settings in a data directory can name programs to run.
 * @throws KeiError `development-server-not-made-here`
 */
export function checkMadeHere(places: DevelopmentPlaces, cacheFolder: string): void {
  const path = recordPath(places, cacheFolder)
  if (existsSync(path) && readFileSync(path, 'utf8') === clusterIdentifier(places)) return
  throw usageError({
    code: 'development-server-not-made-here',
    message: `kei has no record of having made the cluster in ${places.folder}, and a cluster's settings can run programs.`,
    hint: 'If it is yours, run `kei pg start --adopt`; otherwise remove that folder.',
  })
}

/** Records that the cluster in a project may be run. */
export function recordMadeHere(places: DevelopmentPlaces, cacheFolder: string): void {
  writeFileSync(recordPath(places, cacheFolder), clusterIdentifier(places), { mode: 0o600 })
}

function recordPath(places: DevelopmentPlaces, cacheFolder: string): string {
  return join(ownFolder(join(cacheFolder, 'development')), places.hash)
}

/** `pg_control` begins with the system identifier, a 64-bit number that initdb made up. */
function clusterIdentifier(places: DevelopmentPlaces): string {
  return readFileSync(join(places.dataDirectory, 'global', 'pg_control'))
    .subarray(0, 8)
    .toString('hex')
}
