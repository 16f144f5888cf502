import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'

/** Contents by path, `/` as separator. */
export type Files = Readonly<Record<string, string | Uint8Array>>

const made: string[] = []

afterAll(() => {
  for (const root of made.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A new folder with these files; its real path. It is removed when the tests of the file have run. */
export function folderWith(files: Files = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kei-folder-')))
  made.push(root)
  writeFiles(root, files)
  return root
}

/** Writes files, with the folders that they need. */
export function writeFiles(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
}

/** Runs git as a person would, with no configuration but the repository's own; its output without the last newline. */
export function git(root: string, ...args: string[]): string {
  const output = execFileSync('git', ['-C', root, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: root,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Test',
      GIT_AUTHOR_EMAIL: 'test@example.org',
      GIT_COMMITTER_NAME: 'Test',
      GIT_COMMITTER_EMAIL: 'test@example.org',
    },
  })
  return output.trimEnd()
}

/** A new repository on branch `main` with these files committed. */
export function repositoryWith(files: Files): string {
  const root = folderWith(files)
  git(root, 'init', '--quiet', '--initial-branch=main')
  commitAll(root)
  return root
}

export function commitAll(root: string): void {
  git(root, 'add', '--all')
  git(root, 'commit', '--quiet', '--message=change')
}
