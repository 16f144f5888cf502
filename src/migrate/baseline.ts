import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { redactSql } from '../sql/redact.ts'
import { canonicalVersion } from './fold.ts'
import type { NewHistoryRow, VersionState } from './history.ts'
import type { Migration } from './migration.ts'
import { migrationOfVersion, record } from './record.ts'
import type { RunRequest } from './run-request.ts'

export interface BaselineRequest extends RunRequest {
  /** The last one to take as applied. */
  version: string
  /** Only says what would be recorded. */
  dryRun?: boolean
}

export interface BaselineResult {
  /** What is now taken as applied, in order. */
  recorded: { version: string; name: string }[]
  /** How many versions up to the one named were applied before. */
  already: number
}

/**
 * Records every migration up to a version as applied, without running it: for a database that already has what they
 * make. What is applied stays as it is, so it may be run again.
 *
 * Refused where it would hide work of kei's own: a file up to the version that is applied in part or was taken back, and
 * a file that is not applied while a later version is, because since then the runner was in charge of this database, and
 * such a file is one that was merged late, not one that was there before kei.
 *
 * @throws KeiError `version-not-found`, `baseline-behind-history`, and those of `record`
 */
export async function baseline(request: BaselineRequest): Promise<BaselineResult> {
  const last = migrationOfVersion(request.migrations, request.version)
  const covered = request.migrations.filter(({ version }) => compareVersions(version, last.version) <= 0)
  return record(request, 'migrate baseline', ({ states }) => {
    const stateOf = ({ version }: Migration) => states.get(canonicalVersion(version))
    const missing = covered.filter((migration) => stateOf(migration)?.state !== 'applied')
    const first = missing.find(stateOf)
    if (first !== undefined) throw begunByKei(first, stateOf(first)?.state)
    const beyond = [...states.values()].find(
      ({ version, state }) => state !== 'reverted' && compareVersions(version, last.version) > 0,
    )
    if (missing[0] !== undefined && beyond !== undefined) throw behindHistory(missing[0], beyond)
    return {
      rows: missing.map(rowOf),
      result: {
        recorded: missing.map(({ version, name }) => ({ version, name })),
        already: covered.length - missing.length,
      },
    }
  })
}

function rowOf({ version, name, up }: Migration): NewHistoryRow {
  return {
    event: 'baseline',
    direction: 'up',
    version,
    name,
    first: 0,
    last: 0,
    hashes: [],
    complete: true,
    checksum: up.checksum,
    milliseconds: 0,
    text: redactSql(up.text),
  }
}

function begunByKei({ version, up }: Migration, state: VersionState['state'] | undefined): KeiError {
  const reverted = state === 'reverted'
  return failure({
    code: 'baseline-behind-history',
    message: `${up.file} was ${reverted ? 'taken back here' : 'begun here and is not whole'}, so it cannot be taken as applied.`,
    hint: `Run it: \`kei migrate ${state === 'partly-reverted' ? 'down' : `up --to ${version}`}\`.`,
  })
}

function behindHistory({ version, up }: Migration, beyond: VersionState): KeiError {
  return failure({
    code: 'baseline-behind-history',
    message: `${up.file} is not applied, but ${beyond.version}_${beyond.name} after it is: the history has gone past ${version}.`,
    hint: 'Give it a version after that (rename its files), or run it: `kei migrate up --allow-out-of-order`.',
  })
}
