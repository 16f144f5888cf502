import { expect, test } from 'vitest'
import { folderWith, repositoryWith } from '../../test/repository.ts'
import { checkProject } from './check.ts'

const files = {
  '.gitignore': 'ignored/\n',
  'postgres/pg_hba.conf': 'local all all trust\n',
  'ignored/pg_hba.conf': 'local all all trust\n',
  'other/pg_hba.conf': 'local all all trust\n',
  'other/nginx.conf': 'user www;\n',
}

async function filesWithFindings(root: string, path: string): Promise<string[]> {
  const { report } = await checkProject({ path, workingDirectory: root, trace: false, all: false })
  expect(report.notices).toEqual([])
  return report.findings.map(({ location }) => (location.kind === 'file' ? location.file : location.name))
}

test.each([
  ['in a repository', repositoryWith(files)],
  ['where there is none', folderWith(files)],
])('one configuration file is checked alone, %s', async (_, root) => {
  expect(await filesWithFindings(root, 'postgres/pg_hba.conf')).toEqual(['postgres/pg_hba.conf'])
  expect(await filesWithFindings(root, 'ignored/pg_hba.conf')).toEqual(['ignored/pg_hba.conf'])
})

test('a configuration file of another program is refused', async () => {
  const root = repositoryWith(files)
  await expect(filesWithFindings(root, 'other/nginx.conf')).rejects.toMatchObject({ code: 'not-a-configuration' })
})
