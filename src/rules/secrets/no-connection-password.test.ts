import { describe, expect, it } from 'vitest'
import { fingerprint } from '../../findings/fingerprint.ts'
import { checkProject } from '../../check/check.ts'
import { folderWith, repositoryWith } from '../../../test/repository.ts'
import type { Files } from '../../../test/repository.ts'

const password = ['tall', 'Birch', '57'].join('-')

async function check(root: string) {
  const { report } = await checkProject({ path: root, workingDirectory: root, trace: false, all: true })
  return report.findings.filter(({ rule }) => rule === 'no-connection-password')
}

async function severities(files: Files) {
  return (await check(folderWith(files))).map(({ severity }) => severity)
}

describe('no-connection-password', () => {
  it.each([
    ['error', 'db.shop.internal'],
    ['error', '10.0.4.7'],
    ['warning', 'db'],
    ['note', 'localhost'],
    ['note', '127.0.0.1'],
    [undefined, 'db.example.com'],
    [undefined, 'your-host'],
    [undefined, '192.0.2.7'],
  ])('says %s of a password on %s', async (severity, host) => {
    const text = `url = 'postgres://shop:${password}@${host}/shop'`
    expect(await severities({ 'a.py': text })).toEqual(severity === undefined ? [] : [severity])
  })

  it('only notes a placeholder that stands beside a host of somebody’s, and nothing elsewhere', async () => {
    const word = 'secret'
    expect(await severities({ 'a.py': `url = 'postgres://shop:${word}@db.shop.internal/shop'` })).toEqual(['note'])
    expect(await severities({ 'a.py': `url = 'postgres://shop:${word}@localhost/shop'` })).toEqual([])
  })

  it('takes tests at their word, but not with a host that others reach', async () => {
    const url = (host: string) => `url = 'postgres://shop:${password}@${host}/shop'`
    expect(await severities({ 'test/a.py': url('localhost'), 'src/b.test.ts': url('db') })).toEqual([])
    expect(await severities({ 'test/a.py': url('db.shop.internal') })).toEqual(['error'])
  })

  it('shows one password once, with its other places', async () => {
    const text = `a: postgres://shop:${password}@db/shop\nb: postgres://shop:${password}@db.shop.internal/shop\n`
    const [finding, ...others] = await check(folderWith({ 'deploy.yml': text }))
    expect(others).toEqual([])
    expect(finding).toMatchObject({ severity: 'error', location: { line: 1 }, related: [{ location: { line: 2 } }] })
  })

  it('makes no fingerprint of the password, which could be tried out', async () => {
    const file = 'deploy.yml'
    const of = async (value: string) =>
      (await check(folderWith({ [file]: `PGPASSWORD: ${value}\n` }))).map((finding) => finding.fingerprint)
    expect(await of(password)).toEqual(await of(`${password}-2`))
    expect(await of(password)).not.toContain(
      fingerprint({ rule: 'no-connection-password', place: file, text: password }),
    )
  })

  it('leaves alone what is installed, built, binary, too large, locked or a migration', async () => {
    const text = `DATABASE_URL=postgres://shop:${password}@10.0.4.7/shop\n`
    const files = {
      'node_modules/a/index.js': text,
      'vendor/b.conf': text,
      'package-lock.json': text,
      'logo.svg': text,
      'image.conf': `\0${text}`,
      'large.conf': `${text}${'# a line of nothing\n'.repeat(60_000)}`,
      'pg_hba.conf': `# ${text}`,
      'migrations/0001_a.sql': `-- ${text}SELECT 1;\n`,
      'kept.conf': text,
    }
    for (const root of [folderWith(files), repositoryWith(files)]) {
      expect((await check(root)).map(({ location }) => location)).toMatchObject([{ file: 'kept.conf' }])
    }
  })

  it('takes an ignore comment with a reason, on the line or before it', async () => {
    const line = `PGPASSWORD: ${password}`
    const reason = 'kei: ignore no-connection-password: rotated every night'
    expect(await severities({ 'a.yml': `# ${reason}\n${line}\n`, 'b.yml': `${line} # ${reason}\n` })).toEqual([])
  })
})
