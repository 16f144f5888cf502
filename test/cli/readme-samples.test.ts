import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { folderWith, git, repositoryWith, writeFiles } from '../repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const table = 'CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);\n'
const safe = 'CREATE INDEX CONCURRENTLY notes_body_idx ON notes (body);\n'
const hazard = 'CREATE INDEX notes_body_idx ON notes (body);\n'

/** The lines of the README's sample behind a comment of this name. */
function sample(name: string): string[] {
  const text = readme.split(`<!-- ${name} -->`)[1]?.split('```yaml\n')[1]?.split('```')[0]
  if (text === undefined) throw new Error(`the README has no sample ${name}`)
  return text.split('\n')
}

/** The value of a key of the sample, as YAML's plain scalars go. */
function valuesOf(name: string, key: string): string[] {
  return sample(name).flatMap((line) => {
    const [, value] = new RegExp(`^\\s*(?:- )?${key}: (.*?)(?:\\s+#.*)?$`).exec(line) ?? []
    return value === undefined ? [] : [value]
  })
}

/** A folder for PATH in which `npx kei` is the program of this checkout. */
function pathWithKei(): string {
  const folder = folderWith()
  const npx = join(folder, 'npx')
  writeFileSync(
    npx,
    `#!/bin/sh\n[ "$1" = kei ] && shift\nexec '${process.execPath}' '${join(root, 'bin/kei.js')}' "$@"\n`,
  )
  chmodSync(npx, 0o755)
  return `${folder}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
}

describe('the samples of the README', () => {
  it('has a workflow whose steps find a hazard on a branch, as annotations, and pass without one', () => {
    const [, command = ''] = valuesOf('workflow', 'run')
    expect(valuesOf('workflow', 'run')).toEqual(['npm ci', 'npx kei check'])
    expect(valuesOf('workflow', 'fetch-depth')).toEqual(['0'])
    const origin = repositoryWith({
      'migrations/0001_notes.sql': table,
      'migrations/0001_notes.down.sql': 'DROP TABLE notes;\n',
    })
    for (const [text, status] of [
      [hazard, 1],
      [safe, 0],
    ] as const) {
      const clone = join(folderWith(), 'clone')
      mkdirSync(clone)
      git(clone, 'clone', '--quiet', origin, '.')
      git(clone, 'switch', '--quiet', '--create', 'work')
      const down = 'DROP INDEX CONCURRENTLY notes_body_idx;\n'
      writeFiles(clone, { 'migrations/0002_index.sql': text, 'migrations/0002_index.down.sql': down })
      const ran = spawnSync('sh', ['-ec', command], {
        cwd: clone,
        encoding: 'utf8',
        env: { ...process.env, PATH: pathWithKei(), GITHUB_ACTIONS: 'true' },
      })
      expect(ran.stdout.includes('::error file=migrations/0002_index.sql,line=1'), ran.stdout + ran.stderr).toBe(
        status === 1,
      )
      expect(ran.status).toBe(status)
    }
  })

  it('has a hook that refuses the commit of a hazard, and lets a safe one pass', () => {
    const [entry = ''] = valuesOf('pre-commit', 'entry')
    expect(valuesOf('pre-commit', 'pass_filenames')).toEqual(['false'])
    const repository = repositoryWith({
      'migrations/0001_notes.sql': table,
      'migrations/0001_notes.down.sql': 'DROP TABLE notes;\n',
    })
    const hook = join(repository, '.git', 'hooks', 'pre-commit')
    mkdirSync(dirname(hook), { recursive: true })
    writeFileSync(hook, `#!/bin/sh\n${entry}\n`)
    chmodSync(hook, 0o755)
    const commit = () =>
      execFileSync(
        'git',
        ['-c', 'user.name=T', '-c', 'user.email=t@example.org', 'commit', '--quiet', '-m', 'change'],
        {
          cwd: repository,
          stdio: 'pipe',
          env: { ...process.env, PATH: pathWithKei() },
        },
      )
    writeFiles(repository, {
      'migrations/0002_index.sql': hazard,
      'migrations/0002_index.down.sql': 'DROP INDEX CONCURRENTLY notes_body_idx;\n',
    })
    git(repository, 'add', '.')
    expect(commit).toThrow(/require-concurrent-index/)
    // What stands on the disk is not what is committed.
    writeFiles(repository, { 'migrations/0002_index.sql': safe })
    expect(commit).toThrow()
    git(repository, 'add', '.')
    commit()
    expect(git(repository, 'status', '--porcelain')).toBe('')
  })
})
