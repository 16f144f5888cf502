import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readBlobs } from './blobs.ts'
import { decodeSource } from './files.ts'
import { runGit, runGitForBytes } from './git-command.ts'

/** A text that a file had in some commit. */
export interface CommittedText {
  /** Relative to the repository. */
  file: string
  /** The commit that brought it. */
  commit: string
  text: string
}

/** What the commits of a repository brought. */
export interface History {
  /** Newest first; each text of a file once. */
  texts: CommittedText[]
  /**
   * Why that is not all: `shallow` (older commits were not fetched), `partial` (texts were not fetched), `failed` (git did
   * not answer, or not in time). Undefined: it is all, or there is no repository.
   */
  missing?: 'shallow' | 'partial' | 'failed'
}

/** Texts of one run that are read. */
const maxTexts = 500

/**
 * The texts of files with one of these names (globs, as `.env.*`), in `start` and below, in all commits that a branch or
 * tag reaches.
 */
export async function readHistory(
  root: string,
  start: string,
  names: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<History> {
  if (!existsSync(join(root, '.git'))) return { texts: [] }
  const folder = start === '.' ? '' : `${start.replace(/[*?[\\]/g, '\\$&')}/`
  const [log, shallow] = await Promise.all([
    runGitForBytes(root, [...logArguments, '--', ...names.map((name) => `${folder}**/${name}`)], env, '', 'glob'),
    runGit(root, ['rev-parse', '--is-shallow-repository'], env),
  ])
  if (log.status === 'missing') return { texts: [] }
  if (log.status === 'refused') return { texts: [], missing: 'failed' }
  const brought = readLog(log.stdout.toString('utf8'))
  const blobs = await readBlobs(root, [...new Set(brought.map(({ blob }) => blob))], env)
  const texts = brought.flatMap(({ file, commit, blob }): CommittedText[] => {
    const bytes = blobs.get(blob)
    const reading = bytes && decodeSource(file, bytes)
    return reading?.kind === 'text' ? [{ file, commit, text: reading.file.text }] : []
  })
  const isPartial = brought.some(({ blob }) => !blobs.has(blob))
  if (shallow.status === 'done' && shallow.stdout.trim() === 'true') return { texts, missing: 'shallow' }
  return { texts, ...(isPartial && { missing: 'partial' }) }
}

/** Whatever the repository's configuration says: no program for differences or signatures, no stashes, no renames. */
const logArguments = [
  ...['log', '--exclude=refs/stash', '--all', '--full-history', '--diff-filter=AM', '--format=%H', '-z'],
  ...['--raw', '--no-abbrev', '--no-renames', '--no-ext-diff', '--no-textconv', '--no-show-signature', '--no-notes'],
]

/** Reads `commit NUL`, then `:mode mode blob blob A NUL path NUL` for each file. Source: git-diff(1), "Raw output format". */
function readLog(output: string): { file: string; commit: string; blob: string }[] {
  const brought = new Map<string, { file: string; commit: string; blob: string }>()
  const parts = output.split('\0')
  let commit = ''
  for (let at = 0; at < parts.length; at++) {
    const part = (parts[at] ?? '').trimStart()
    if (/^[0-9a-f]+$/.test(part)) commit = part
    const [, blob] = /^:\d+ 100\d{3} \w+ (\w+) [AM]$/.exec(part) ?? []
    if (!part.startsWith(':')) continue
    const file = parts[++at] ?? ''
    if (blob === undefined) continue
    // The log begins with the newest: what is set last is the commit that brought it.
    const known = brought.get(`${blob} ${file}`)
    if (known !== undefined) known.commit = commit
    else if (brought.size < maxTexts) brought.set(`${blob} ${file}`, { file, commit, blob })
  }
  return [...brought.values()]
}
