import { FILE_HEADERS_ONLY, createTwoFilesPatch } from 'diff'
import { redactSql } from '../sql/redact.ts'
import { isComparable } from './checksum.ts'
import { canonicalVersion } from './fold.ts'
import type { KeptTexts } from './history-table.ts'
import type { Migration } from './migration.ts'
import type { Standing, StandingEntry } from './standing.ts'

/** What `kei migrate verify` says of one version. */
export interface Verification {
  version: string
  name: string
  /**
   * - `ok`: the file is what was applied. - `edited`, `missing`, `out-of-order`, `unknown-algorithm`: as the problems of
   * `standingOf`. - `in-part`: only the statements tell, and `up` or `down` compares them.
   */
  verdict: 'ok' | 'edited' | 'missing' | 'out-of-order' | 'unknown-algorithm' | 'in-part'
  /** Of the up file, relative to the repository; absent where it is missing. */
  file?: string
  /**
   * Of an edited file: a unified diff of the text that the history keeps against the file, without their secrets. Absent
   * where the history keeps no text (a baseline). A change of a secret alone shows as no lines.
   */
  diff?: string
}

/**
 * Compares the files with what was applied: one entry for each version that the history has as applied, and for each
 * pending one that is out of order, in the order of versions. `texts` are those of `HistoryTable.readTexts`.
 */
export function verifyHistory({ entries }: Standing, texts: ReadonlyMap<string, KeptTexts>): Verification[] {
  return entries.flatMap((entry) => {
    const verdict = verdictOn(entry)
    if (verdict === undefined) return []
    const { version, name, migration } = entry
    const before = texts.get(canonicalVersion(version))?.up
    const diff = verdict === 'edited' && migration && before !== undefined ? diffOf(migration, before) : undefined
    return {
      ...{ version, name, verdict },
      ...(migration !== undefined && { file: migration.up.file }),
      ...(diff !== undefined && { diff }),
    }
  })
}

function verdictOn({ state, outOfOrder, history }: StandingEntry): Verification['verdict'] | undefined {
  switch (state) {
    case 'applied':
      return isComparable(history?.checksum ?? '') ? 'ok' : 'unknown-algorithm'
    case 'pending':
      return outOfOrder ? 'out-of-order' : undefined
    case 'partly-applied':
    case 'partly-reverted':
      return 'in-part'
    case 'edited':
    case 'missing':
      return state
  }
}

function diffOf({ up }: Migration, before: string): string {
  const after = redactSql(up.text)
  return createTwoFilesPatch(up.file, up.file, before, after, 'as applied', 'now', { headerOptions: FILE_HEADERS_ONLY })
}
