import { failure } from '../errors.ts'
import type { KeiError } from '../errors.ts'
import { compareVersions } from '../project/layouts/layout.ts'
import { isComparable, sha256 } from './checksum.ts'
import { canonicalVersion } from './fold.ts'
import type { VersionState } from './history.ts'
import type { Migration } from './migration.ts'

/** One version, by its file and by the history. At least one of `migration` and `history` is there. */
export interface StandingEntry {
  /** As the file writes it; where there is none, as the history does. */
  version: string
  name: string
  /**
   * - `applied`. - `pending`: not applied, or taken back. - `edited`: applied, and the file is not what was applied.
   * - `missing`: the history has it as applied, in whole or in part, and there is no file.
   * - `partly-applied`, `partly-reverted`: `up`, or `down`, goes on with it.
   */
  state: 'applied' | 'pending' | 'edited' | 'missing' | 'partly-applied' | 'partly-reverted'
  /** Pending, and older than one that was begun. */
  outOfOrder: boolean
  migration?: Migration
  history?: VersionState
}

/** What the files and the history say together. */
export interface Standing {
  /** In the order of their versions. */
  entries: StandingEntry[]
  /** What `up` has to do, in order: the pending ones, and those that are partly applied. */
  pending: Migration[]
  /**
   * What stands in the way of `up`, all exit 4, in the order of versions: `edited-migration`, `missing-migration`,
   * `out-of-order-migration`, `unknown-checksum-algorithm`.
   */
  problems: KeiError[]
}

/**
 * Compares a folder with the history of a database. `migrations` are in the order of their versions, none twice;
 * `states` are those of `foldHistory`. A file that is partly applied may have been changed after its applied part: only
 * its statements tell (`remainingSteps`).
 */
export function standingOf(migrations: readonly Migration[], states: ReadonlyMap<string, VersionState>): Standing {
  const lastBegun = [...states.values()]
    .filter(({ state }) => state !== 'reverted')
    .reduce<VersionState | undefined>(
      (last, each) => (last === undefined || compareVersions(each.version, last.version) > 0 ? each : last),
      undefined,
    )
  const entries: StandingEntry[] = []
  const withFile = new Set<string>()
  for (const migration of migrations) {
    const { version, name } = migration
    withFile.add(canonicalVersion(version))
    const history = states.get(canonicalVersion(version))
    const state = stateOf(migration, history)
    const outOfOrder = state === 'pending' && lastBegun !== undefined && compareVersions(version, lastBegun.version) < 0
    entries.push({ version, name, state, outOfOrder, migration, ...(history !== undefined && { history }) })
  }
  for (const [key, history] of states) {
    if (withFile.has(key) || history.state === 'reverted') continue
    const { version, name } = history
    entries.push({ version, name, state: 'missing', outOfOrder: false, history })
  }
  entries.sort((a, b) => compareVersions(a.version, b.version))

  const pending = entries.flatMap(({ state, migration }) =>
    migration !== undefined && (state === 'pending' || state === 'partly-applied') ? [migration] : [],
  )
  const problems = entries.flatMap((entry) => problemOf(entry, lastBegun) ?? [])
  return { entries, pending, problems }
}

/**
 * Whether two runners mean the same by "what is pending": versions, checksums and order. 64 hexadecimal digits.
 */
export function planHash(migrations: readonly Migration[]): string {
  return sha256(migrations.map(({ version, up }) => `${canonicalVersion(version)} ${up.checksum}\n`).join(''))
}

function stateOf({ up }: Migration, history: VersionState | undefined): StandingEntry['state'] {
  switch (history?.state) {
    case undefined:
    case 'reverted':
      return 'pending'
    case 'applied':
      return history.checksum === up.checksum || !isComparable(history.checksum) ? 'applied' : 'edited'
    case 'partly-applied':
    case 'partly-reverted':
      return history.state
  }
}

function problemOf(entry: StandingEntry, lastBegun: VersionState | undefined): KeiError | undefined {
  const { version, name, state, outOfOrder, migration, history } = entry
  if (state === 'missing') {
    return failure({
      code: 'missing-migration',
      message:
        `${version}_${name}.sql is not there, but it is applied to this database` +
        (history?.state === 'applied' ? '' : ' in part'),
      hint: `Bring the file back: \`git log --all --oneline -- '*/${version}_${name}.sql'\` shows the commits that have it.`,
    })
  }
  if (migration === undefined) return undefined
  const { file } = migration.up
  if (state === 'edited') {
    return failure({
      code: 'edited-migration',
      message: `${file} was changed after it was applied (${history?.at})`,
      hint:
        `\`kei migrate verify\` shows what changed. Take it back with \`git restore ${file}\` (or check out the commit ` +
        `that was applied), and put the change into a new migration; or accept it: ` +
        `\`kei migrate accept-edit ${version} --reason "…"\`.`,
    })
  }
  if (state === 'applied' && history !== undefined && !isComparable(history.checksum)) {
    return failure({
      code: 'unknown-checksum-algorithm',
      message: `${file} cannot be compared: the history has its checksum by an algorithm that this kei does not know`,
      hint:
        'Use the version of kei that wrote it, or a newer one; or take the file as it is: ' +
        `\`kei migrate accept-edit ${version} --reason "…"\`.`,
    })
  }
  if (outOfOrder && lastBegun !== undefined) {
    return failure({
      code: 'out-of-order-migration',
      message: `${file} is not applied, but is older than ${lastBegun.version}_${lastBegun.name}, which is`,
      hint:
        'Give it a version after that (rename its files), or apply it all the same: ' +
        '`kei migrate up --allow-out-of-order`.',
    })
  }
  return undefined
}
