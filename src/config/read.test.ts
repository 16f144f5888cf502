import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderWith } from '../../test/repository.ts'
import { defaultConfig } from './config.ts'
import { readConfig } from './read.ts'

const major = (config: { postgres: { major: number } }) => config.postgres.major

describe('readConfig', () => {
  it('has the defaults where there is no file', async () => {
    const root = folderWith({ 'a/x.sql': '' })
    expect(await readConfig(join(root, 'a'), root)).toEqual(defaultConfig)
  })

  it('takes the nearest file upward, as far as the repository', async () => {
    const outer = folderWith({
      'kei.jsonc': '{ "postgres": { "major": 18 } }',
      'repository/a/b/x.sql': '',
      'repository/kei.jsonc': '{ "postgres": { "major": 16 } }',
    })
    const root = join(outer, 'repository')
    const config = await readConfig(join(root, 'a', 'b'), root)
    expect(major(config)).toBe(16)
    expect(config.file).toBe(join(root, 'kei.jsonc'))
    expect(major(await readConfig(join(root, 'a'), join(root, 'a')))).toBe(17)
  })

  it('outside a repository and the home folder looks in the folder itself alone', async () => {
    const outer = folderWith({ 'kei.jsonc': '{ "postgres": { "major": 18 } }', 'a/x.sql': '' })
    expect(major(await readConfig(join(outer, 'a'), undefined, '/home/somebody'))).toBe(17)
    expect(major(await readConfig(outer, undefined, '/home/somebody'))).toBe(18)
    expect(major(await readConfig(join(outer, 'a'), undefined, outer))).toBe(18)
    expect(major(await readConfig(join(outer, 'a'), undefined, join(outer, 'a')))).toBe(17)
  })

  it('takes off a byte order mark', async () => {
    const root = folderWith({ 'kei.jsonc': '\uFEFF{ "postgres": { "major": 18 } }' })
    expect(major(await readConfig(root, root))).toBe(18)
  })

  it.each([
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'kei.jsonc: is not UTF-8'],
    ['a megabyte and a byte', Buffer.alloc(1024 * 1024 + 1, 32), 'kei.jsonc: has 1048577 bytes; the limit is 1048576'],
    ['a syntax error', Buffer.from('{ "a" }'), 'kei.jsonc:1:7: expected a colon'],
  ])('refuses %s', async (_, content, message) => {
    const root = folderWith({ 'kei.jsonc': content })
    await expect(readConfig(root, root)).rejects.toMatchObject({ code: 'invalid-config', exitCode: 2, message })
  })

  it('refuses a folder of that name, and a link that leads out of the repository or nowhere', async () => {
    const folder = folderWith({ 'kei.jsonc/x': '' })
    await expect(readConfig(folder, folder)).rejects.toMatchObject({ message: 'kei.jsonc: is not a regular file' })
    const secret = folderWith({ secret: 'top-secret' })
    const root = folderWith()
    symlinkSync(join(secret, 'secret'), join(root, 'kei.jsonc'))
    await expect(readConfig(root, root)).rejects.toMatchObject({
      message: 'kei.jsonc: is a symbolic link out of the repository',
    })
    const dangling = folderWith()
    symlinkSync(join(secret, 'gone'), join(dangling, 'kei.jsonc'))
    await expect(readConfig(dangling, dangling)).rejects.toMatchObject({ code: 'invalid-config' })
  })
})
