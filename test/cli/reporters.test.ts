import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { folderWith } from '../repository.ts'
import { kei } from './kei.ts'

const files = {
  'migrations/1_a.sql': 'CREATE TABLE t (id bigint PRIMARY KEY);\n',
  'migrations/2_b.sql': 'CREATE INDEX i ON t (id);\n-- kei: ignore no-drop-table: moved in May\nDROP TABLE t;\n',
}

const onActions = { GITHUB_ACTIONS: 'true' }
const command = /^::(error|warning|notice) /gm

describe('kei check in GitHub Actions', () => {
  it('prints annotations after the report when no reporter was asked for', async () => {
    const cwd = folderWith(files)
    const plain = await kei(['check', '--no-trace'], { cwd, env: { GITHUB_ACTIONS: '' } })
    const { out, code } = await kei(['check', '--no-trace'], { cwd, env: onActions })
    expect(code).toBe(1)
    expect(plain.out).not.toMatch(command)
    expect(out.startsWith(plain.out)).toBe(true)
    expect(out).toContain('::error file=migrations/2_b.sql,line=1,endLine=1,col=1,endColumn=24,title=require-')
  })

  it('prints what was asked for and nothing else', async () => {
    const cwd = folderWith(files)
    const { out } = await kei(['check', '--no-trace', '--reporter', 'pretty'], { cwd, env: onActions })
    expect(out).not.toMatch(command)
    const json = await kei(['check', '--no-trace', '--json'], { cwd, env: onActions })
    expect(() => JSON.parse(json.out)).not.toThrow()
  })
})

describe('kei check --reporter', () => {
  it('writes each into its file, and describes every rule in SARIF, from the cache too', async () => {
    const cwd = folderWith(files)
    const names = ['sarif', 'github', 'gitlab', 'junit', 'markdown']
    const asked = ['check', '--no-trace', ...names.flatMap((name) => ['--reporter', `${name}=${name}.out`])]
    const texts = async () => {
      const { code, out, err } = await kei(asked, { cwd })
      expect({ code, out, err }).toEqual({ code: 1, out: '', err: '' })
      return names.map((name) => readFileSync(join(cwd, `${name}.out`), 'utf8'))
    }
    const written = await texts()
    for (const text of written) expect(text).toContain('require-concurrent-index')
    const log = JSON.parse(written[0] ?? '') as {
      runs: [{ tool: { driver: { rules: { id: string; help: { markdown: string } }[] } }; results: unknown[] }]
    }
    const { rules } = log.runs[0].tool.driver
    expect(rules.length).toBeGreaterThan(50)
    expect(rules.every(({ id, help }) => help.markdown.startsWith(`# ${id}\n`))).toBe(true)
    expect(log.runs[0].results).toContainEqual(
      expect.objectContaining({
        ruleId: 'no-drop-table',
        suppressions: [{ kind: 'inSource', justification: 'moved in May' }],
      }),
    )
    expect(await texts()).toEqual(written)
  })

  it('keeps secrets out of every form', async () => {
    const secret = 'hunter7-wombat'
    const cwd = folderWith({
      'migrations/1_a.sql': 'CREATE TABLE t (id bigint PRIMARY KEY, url text);',
      'migrations/2_b.sql': `CREATE INDEX i ON t (url) WHERE url <> 'postgres://u:${secret}@h/db';`,
      'migrations/3_c.sql': `DO $$ BEGIN RAISE EXCEPTION 'no postgres://u:${secret}@h/db'; END $$;`,
      'migrations/4_d.sql': `CREATE ROLE app PASSWORD '${secret}' FROM nowhere;`,
    })
    const names = ['sarif', 'github', 'gitlab', 'junit', 'markdown']
    await kei(['check', ...names.flatMap((name) => ['--reporter', `${name}=${name}.out`])], { cwd })
    for (const name of names) {
      const text = readFileSync(join(cwd, `${name}.out`), 'utf8')
      expect(text).toContain('require-concurrent-index')
      expect(text).not.toContain(secret)
    }
  })

  it('names the reporters that there are', async () => {
    const { code, err } = await kei(['check', '--reporter', 'sarf'], { cwd: folderWith(files) })
    expect(code).toBe(2)
    expect(err).toContain('Reporters: pretty, json, sarif, github, gitlab, junit, markdown')
  })
})

it('the guide names each reporter, and no other', () => {
  const guide = readFileSync(fileURLToPath(new URL('../../docs/guide/reporters.md', import.meta.url)), 'utf8')
  const named = [...guide.matchAll(/--reporter ([a-z]+)/g)].map(([, name]) => name)
  const listed = [...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  expect(listed).toEqual(['pretty', 'json', 'sarif', 'github', 'gitlab', 'junit', 'markdown'])
  expect(listed).toEqual(expect.arrayContaining(named))
})
