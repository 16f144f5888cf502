import { describe, expect, it } from 'vitest'
import { folderWith } from '../repository.ts'
import { kei } from './kei.ts'

const secret = 'hunter7-wombat'

describe('kei check keeps secrets to itself', () => {
  it.each([['pretty'], ['json']])('in every part of the %s report', async (reporter) => {
    const folder = folderWith({
      'migrations/1_a.sql': 'CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, url text);',
      // In a finding's text and next step, in a fix, in an untraced statement's cause, in a syntax error.
      'migrations/2_b.sql':
        `CREATE INDEX t_url ON t (url) WHERE url <> 'postgres://u:${secret}@h/db';\n` +
        `BEGIN; CREATE INDEX t_url_2 ON t (url) WHERE url <> 'postgres://u:${secret}@h/db'; COMMIT;`,
      'migrations/3_c.sql': `DO $$ BEGIN RAISE EXCEPTION 'no postgres://u:${secret}@h/db'; END $$;`,
      'migrations/4_d.sql': `CREATE ROLE app PASSWORD '${secret}' FROM nowhere;`,
    })
    const { code, out, err } = await kei(['check', '--reporter', reporter], { cwd: folder })
    expect(code).toBe(1)
    expect(out).toContain('require-concurrent-index')
    expect(out).toContain('no-syntax-error')
    expect(out).toContain('********')
    expect(out + err).not.toContain(secret)
  })

  it.each([
    `CREATE ROLE z PASSWORD '${secret};\nCREATE TABLE s2(id serial);`,
    `CREATE ROLE z PASSWORD E'${secret}`,
    `ALTER ROLE z PASSWORD $x$${secret} ;`,
    `CREATE ROLE z PASSWORD "${secret}";`,
    `ALTER ROLE z PASSWORD ${secret.replace('-', '')};`,
    `ALTER ROLE z PASWORD '${secret}';`,
    `CREATE USER z IDENTIFIED BY '${secret}';`,
    `DO $$ BEGIN EXECUTE 'CREATE ROLE x PASSWORD ''${secret}'; END $$;`,
  ])('in what PostgreSQL says of a mistake: %#', async (sql) => {
    const folder = folderWith({ 'migrations/1_a.sql': sql })
    for (const reporter of ['pretty', 'json']) {
      const { out, err } = await kei(['check', '--reporter', reporter], { cwd: folder })
      expect(out + err).not.toContain(secret)
      expect(out + err).not.toContain(secret.replace('-', ''))
      expect(out).toMatch(/at or near|unterminated|unrecognized/)
    }
  })

  it('reads no setup file outside the repository, by any path', async () => {
    const outside = folderWith({ 'x.sql': `sekret ${secret}` })
    const folder = folderWith({
      'kei.jsonc': JSON.stringify({ trace: { setup: [`${outside}/x.sql`] } }),
      'migrations/1_a.sql': 'SELECT 1;',
    })
    const { code, out, err } = await kei(['check'], { cwd: folder })
    expect(code).toBe(2)
    expect(err).toContain('lies outside the repository')
    expect(out + err).not.toContain(secret)
  })
})
