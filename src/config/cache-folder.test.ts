import { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderWith } from '../../test/repository.ts'
import { cacheFolder } from './cache-folder.ts'

const isRoot = process.getuid?.() === 0
const expectedMode = isRoot ? 0o711 : 0o700
const modeOf = (path: string) => statSync(path).mode & 0o777

describe('cacheFolder', () => {
  it('makes the folder of KEI_CACHE_DIR, for its owner alone or, as root, with a way through', () => {
    const path = join(folderWith(), 'a', 'b')
    expect(cacheFolder({ KEI_CACHE_DIR: path })).toBe(path)
    expect(modeOf(path)).toBe(expectedMode)
  })

  it('does not let the umask close the way through', () => {
    const path = join(folderWith(), 'cache')
    const before = process.umask(0o077)
    try {
      cacheFolder({ KEI_CACHE_DIR: path })
    } finally {
      process.umask(before)
    }
    expect(modeOf(path)).toBe(expectedMode)
  })

  it('takes a folder that is there and safe', () => {
    const path = folderWith()
    expect(cacheFolder({ KEI_CACHE_DIR: path })).toBe(path)
  })

  it('follows XDG_CACHE_HOME, and leaves out a relative one', (context) => {
    if (isRoot) context.skip('root may read every file and has a cache of its own')
    const home = folderWith()
    expect(cacheFolder({ XDG_CACHE_HOME: home })).toBe(join(home, 'kei'))
    const fallback = process.platform === 'darwin' ? 'Library/Caches/kei' : '.cache/kei'
    expect(cacheFolder({ XDG_CACHE_HOME: 'cache', HOME: home })).toBe(join(home, fallback))
  })

  it('as root is not led into the home of the user who called sudo', (context) => {
    if (!isRoot) context.skip('only root can act for another user')
    expect(cacheFolder({ XDG_CACHE_HOME: '/home/somebody/.cache', HOME: '/home/somebody' })).toBe('/var/cache/kei')
  })

  it('refuses a folder that others can write to, and says how to mend it', () => {
    const path = folderWith()
    chmodSync(path, 0o770)
    expect(() => cacheFolder({ KEI_CACHE_DIR: path })).toThrowError(
      expect.objectContaining({
        code: 'unsafe-cache-folder',
        hint: expect.stringContaining(`chmod go-w ${path}`),
        exitCode: 2,
      }),
    )
  })

  it('refuses a folder of another user, and a link that another user made', (context) => {
    if (!isRoot) context.skip('only root can act for another user')
    const path = folderWith()
    chownSync(path, 65534, 65534)
    const link = join(folderWith(), 'link')
    symlinkSync(folderWith(), link)
    expect(() => cacheFolder({ KEI_CACHE_DIR: link })).not.toThrow()
    lchownSync(link, 65534, 65534)
    for (const unsafe of [path, link]) {
      expect(() => cacheFolder({ KEI_CACHE_DIR: unsafe })).toThrowError(
        expect.objectContaining({ code: 'unsafe-cache-folder', message: expect.stringContaining('uid 65534') }),
      )
    }
  })

  it('refuses a folder of another user', (context) => {
    if (isRoot) context.skip('root may read every file and has a cache of its own')
    expect(() => cacheFolder({ KEI_CACHE_DIR: '/usr' })).toThrowError(
      expect.objectContaining({ code: 'unsafe-cache-folder' }),
    )
  })

  it('follows a link of its own', () => {
    const root = folderWith()
    mkdirSync(join(root, 'real'), { mode: 0o700 })
    symlinkSync(join(root, 'real'), join(root, 'link'))
    expect(cacheFolder({ KEI_CACHE_DIR: join(root, 'link') })).toBe(join(root, 'real'))
  })

  it('refuses a relative KEI_CACHE_DIR and one that is a file', () => {
    expect(() => cacheFolder({ KEI_CACHE_DIR: 'cache' })).toThrowError(
      expect.objectContaining({ code: 'relative-cache-folder' }),
    )
    const root = folderWith({ file: '' })
    expect(() => cacheFolder({ KEI_CACHE_DIR: join(root, 'file') })).toThrowError(
      expect.objectContaining({ code: 'cache-folder-unavailable', hint: expect.stringContaining('KEI_CACHE_DIR') }),
    )
  })
})
