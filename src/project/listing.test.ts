import { describe, expect, it } from 'vitest'
import { folderWith, repositoryWith, writeFiles } from '../../test/repository.ts'
import { listRepository } from './listing.ts'

const files = {
  'a.yml': '',
  '.env': '',
  'b/c.ts': '',
  '.github/workflows/ci.yml': '',
  '.cache/x': '',
  'node_modules/d.js': '',
}

async function listed(root: string, start = '.') {
  const { files: found } = await listRepository(root, start)
  return Object.fromEntries(found.map(({ path, tracked }) => [path, tracked]))
}

describe('listRepository', () => {
  it('lists what git has and what it would take, and not what it ignores', async () => {
    const root = repositoryWith({ 'a.yml': '', 'b/c.ts': '', '.gitignore': '/ignored\n' })
    writeFiles(root, { 'b/new.ts': '', ignored: '', '.env': '' })
    expect(await listed(root)).toEqual({
      '.gitignore': true,
      'a.yml': true,
      'b/c.ts': true,
      'b/new.ts': false,
      '.env': false,
    })
    expect(await listed(root, 'b')).toEqual({ 'b/c.ts': true, 'b/new.ts': false })
  })

  it('walks where there is no git, into no hidden folder but those of CI services, nor what is installed', async () => {
    const root = folderWith(files)
    expect(Object.keys(await listed(root)).toSorted()).toEqual(['.env', '.github/workflows/ci.yml', 'a.yml', 'b/c.ts'])
    expect(await listed(root, 'b')).toEqual({ 'b/c.ts': undefined })
  })

  it('does not walk into another repository', async () => {
    const root = folderWith({ ...files, 'other/.git/HEAD': '', 'other/e.yml': '' })
    expect(Object.keys(await listed(root))).not.toContain('other/e.yml')
  })
})
