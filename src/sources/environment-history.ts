import { readHistory } from '../project/git-history.ts'
import type { CommittedText } from '../project/git-history.ts'
import { environmentFileGlobs } from '../sql/passwords/environment-file.ts'
import { mayHoldPassword, namesPassword } from './secret-files.ts'

/** The environment files with passwords that a repository's commits brought. */
export interface EnvironmentHistory {
  /** Newest first. */
  committed: CommittedText[]
  /** What would show the rest, in words that follow "needs"; undefined: it is all there. */
  needs?: string
}

const remedies = {
  shallow: 'the whole history of git (git fetch --unshallow)',
  partial: 'the objects that this partial clone lacks (git clone without --filter)',
  failed: 'a history that git reads within 5 s',
}

/** Reads them, in `start` (relative to the repository) and below. */
export async function readEnvironmentHistory(root: string, start: string): Promise<EnvironmentHistory> {
  const { texts, missing } = await readHistory(root, start, environmentFileGlobs)
  const committed = texts.filter(({ file, text }) => mayHoldPassword(file) && namesPassword(file, text))
  return { committed, ...(missing !== undefined && { needs: remedies[missing] }) }
}
