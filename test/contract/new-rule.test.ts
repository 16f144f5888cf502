import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderWith } from '../repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A copy of what the script reads and writes. */
function checkout(): string {
  const copy = folderWith()
  for (const part of ['scripts', 'src/rules', 'package.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true })
  return copy
}

test('scripts/new-rule writes a rule that is in the registry and has still to be filled in', () => {
  const copy = checkout()
  execFileSync(process.execPath, [join(copy, 'scripts/new-rule'), 'require-x', '--category', 'pooling'])
  const text = readFileSync(join(copy, 'src/rules/pooling/require-x.ts'), 'utf8')
  expect(text).toContain("id: 'require-x'")
  expect(text).toContain("summary: ''")
  expect(readFileSync(join(copy, 'src/rules/registry.ts'), 'utf8')).toContain("from './pooling/require-x.ts'")
})

test.each([
  ['a name that is no rule’s', ['big-index', '--category', 'index']],
  ['a name that is taken', ['prefer-gin', '--category', 'index']],
  ['no category', ['no-x']],
  ['an unknown category', ['no-x', '--category', 'misc']],
  ['an unknown option', ['no-x', '--kind', 'index']],
])('scripts/new-rule refuses %s and writes nothing', (_, args) => {
  const copy = checkout()
  const { status, stderr } = spawnSync(process.execPath, [join(copy, 'scripts/new-rule'), ...args], {
    encoding: 'utf8',
  })
  expect(status).toBe(2)
  expect(stderr).toMatch(/^\S.*\nusage: /)
  expect(existsSync(join(copy, 'src/rules/index/big-index.ts'))).toBe(false)
  expect(readFileSync(join(copy, 'src/rules/registry.ts'))).toEqual(readFileSync(join(root, 'src/rules/registry.ts')))
})

test('a registry that does not fit its folder is named by --check', () => {
  const copy = checkout()
  const check = () =>
    spawnSync(process.execPath, [join(copy, 'scripts/generate-rules.js'), 'registry', '--check'], { encoding: 'utf8' })
  expect(check()).toMatchObject({ status: 0, stdout: '' })
  cpSync(join(copy, 'src/rules/schema/prefer-gin.ts'), join(copy, 'src/rules/schema/prefer-brin.ts'))
  expect(check()).toMatchObject({ status: 1, stdout: 'stale: src/rules/registry.ts\n' })
})
