import { describe, expect, it } from 'vitest'
import { kei } from '../cli/kei.ts'
import type { Ran } from '../cli/kei.ts'
import { isInSlice } from '../contract/examples.ts'
import { majors } from '../postgres.ts'
import { commitAll, folderWith, git, repositoryWith, writeFiles } from '../repository.ts'
import { withNewDatabase } from './server.ts'
import type { TestDatabase } from './server.ts'

type Files = Record<string, string>

const history: Files = {
  'migrations/1_account.sql': `-- accounts
CREATE TABLE account (
  id int PRIMARY KEY,  -- by hand
  note text DEFAULT 'two
lines'
);
COMMENT ON TABLE account IS E'one\\ntwo
three';
`,
  'migrations/1_account.down.sql': 'DROP TABLE account;\n',
  'migrations/2_total.sql': `-- kei: lock-timeout 5s
CREATE FUNCTION total(a int) RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
  -- as text
  RETURN a * 2 + length('
');
END
$body$;

CREATE VIEW notes AS
  SELECT id,
         note
  FROM account;
INSERT INTO account SELECT 1, 'x
y';
`,
  'migrations/3_index.sql': `CREATE INDEX CONCURRENTLY account_note
  ON account (note);
`,
}

/** As git writes it with core.autocrlf, in an editor that adds a byte order mark. */
const crlf = (text: string) => `\uFEFF${text.replaceAll('\n', '\r\n')}`

function as(files: Files, form: (text: string) => string): Files {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, form(text)]))
}

const forms = { LF: (text: string) => text, 'CRLF and a byte order mark': crlf }

/** What the files made, down to the bytes of texts with line breaks. */
async function made({ admin }: TestDatabase): Promise<unknown> {
  const { rows } = await admin.query(
    `SELECT (SELECT prosrc FROM pg_proc WHERE proname = 'total') AS body, total(1) AS total,
            pg_get_viewdef('notes'::regclass) AS view, obj_description('account'::regclass) AS comment,
            (SELECT array_agg(note) FROM account) AS notes,
            (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'account'::regclass) AS "default",
            (SELECT array_agg(indexdef ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public') AS indexes,
            (SELECT array_agg(checksum ORDER BY id) FROM kei.history) AS checksums,
            (SELECT array_agg(text ORDER BY id) FROM kei.history) AS texts`,
  )
  return rows[0]
}

async function migrate(cwd: string, { url }: TestDatabase, ...args: string[]): Promise<Ran> {
  return kei(['migrate', ...args], { cwd, env: { KEI_DATABASE_URL: url } })
}

describe.each(majors)('checkouts on PostgreSQL %i', (major) => {
  const isChosen = (name: string) => major === 17 || isInSlice(`${major} ${name}`)

  it.runIf(isChosen('line endings'))('with LF and with CRLF and a byte order mark agree, both ways round', async () => {
    const catalogs: unknown[] = []
    for (const first of ['LF', 'CRLF and a byte order mark'] as const) {
      const second = first === 'LF' ? 'CRLF and a byte order mark' : 'LF'
      await withNewDatabase(major, async (database) => {
        const applied = folderWith(as(history, forms[first]))
        expect(await migrate(applied, database, 'up')).toMatchObject({ code: 0 })
        catalogs.push(await made(database))
        const other = folderWith(as(history, forms[second]))
        const [verified, status, again] = [
          await migrate(other, database, 'verify', '--json'),
          await migrate(other, database, 'status', '--exit-code', '--json'),
          await migrate(other, database, 'up', '--json'),
        ]
        expect([verified, status, again].map(({ code, err }) => ({ code, err }))).toEqual(
          Array.from({ length: 3 }, () => ({ code: 0, err: '' })),
        )
        expect(JSON.parse(verified.out).migrations.map(({ verdict }: { verdict: string }) => verdict)).toEqual(
          Array.from({ length: 3 }, () => 'ok'),
        )
        expect(JSON.parse(status.out)).toMatchObject({ pending: [], problems: [] })
        expect(JSON.parse(again.out)).toMatchObject({ applied: [] })
        // What is added in one form goes on from what was applied in the other.
        const more = { ...history, 'migrations/4_more.sql': 'CREATE TABLE more (\n  a int\n);\n' }
        expect(await migrate(folderWith(as(more, forms[second])), database, 'up')).toMatchObject({ code: 0 })
        expect(await migrate(folderWith(as(more, forms[first])), database, 'verify')).toMatchObject({ code: 0 })
      })
    }
    expect(catalogs[1]).toEqual(catalogs[0])
    expect(JSON.stringify(catalogs)).not.toContain('\\r')
    console.info(`PostgreSQL ${major}: ${catalogs.length} databases from two checkouts, equal`)
  })

  it.runIf(isChosen('partly'))('agree about a file that is applied in part', () =>
    withNewDatabase(major, async (database) => {
      const text = 'CREATE TABLE t (\n  a int\n);\nCREATE INDEX CONCURRENTLY i\n  ON t (a);\nSELECT 1 /\n  0;\n'
      const files = { 'migrations/1_t.sql': text }
      expect(await migrate(folderWith(files), database, 'up')).toMatchObject({ code: 4 })
      const mended = as({ 'migrations/1_t.sql': text.replace('  0;', '  1;') }, crlf)
      const folder = folderWith(mended)
      expect(await migrate(folder, database, 'up')).toMatchObject({ code: 0 })
      expect(await migrate(folder, database, 'verify')).toMatchObject({ code: 0 })
    }),
  )

  const merges = {
    'that share no object': {
      files: { 'migrations/2_theirs.sql': 'CREATE TABLE theirs (a int);\n' },
      says: 'names no object that a newer, applied file names',
    },
    'that share an object': {
      files: { 'migrations/2_theirs.sql': 'ALTER TABLE account ADD theirs int;\n' },
      says: 'migrations/2_theirs.sql and the newer migrations/3_ours.sql both name account',
    },
    'with code in them': {
      files: { 'migrations/2_theirs.sql': "DO $$ BEGIN EXECUTE 'CREATE TABLE theirs (a int)'; END $$;\n" },
      says: 'is not known',
    },
  }
  it.runIf(major === 17 || isInSlice(`${major} merges`)).each(Object.entries(merges))(
    'refuse a merge of files %s that goes between applied versions, naming the file, until it is allowed',
    async (_, { files, says }) => {
      // Two branches from one commit; ours is deployed first, then theirs is merged.
      const root = repositoryWith({ 'migrations/1_account.sql': 'CREATE TABLE account (a int);\n' })
      git(root, 'switch', '--quiet', '--create', 'theirs')
      writeFiles(root, files)
      commitAll(root)
      git(root, 'switch', '--quiet', 'main')
      writeFiles(root, { 'migrations/3_ours.sql': 'ALTER TABLE account ADD ours int;\n' })
      commitAll(root)
      await withNewDatabase(major, async (database) => {
        expect(await migrate(root, database, 'up')).toMatchObject({ code: 0, err: '' })
        git(root, 'merge', '--quiet', '--no-edit', 'theirs')
        const refused = await migrate(root, database, 'up')
        expect(refused.code).toBe(4)
        expect(refused.err).toContain('error[out-of-order-migration]: migrations/2_theirs.sql')
        expect(refused.err).toContain('3_ours')
        expect(refused.err).toContain(says)
        expect(refused.err).toContain('--allow-out-of-order')
        const verified = await migrate(root, database, 'verify')
        expect(verified.code).toBe(1)
        expect(verified.out).toContain('migrations/2_theirs.sql')
        const status = await migrate(root, database, 'status', '--exit-code')
        expect(status.code).toBe(1)
        expect(status.out + status.err).toContain('migrations/2_theirs.sql')
        const before = await database.admin.query('SELECT count(*)::int AS rows FROM kei.history')
        expect(before.rows).toEqual([{ rows: 2 }])
        const allowed = await migrate(root, database, 'up', '--allow-out-of-order')
        expect(allowed.code).toBe(0)
        expect(allowed.err).toContain(says)
        expect(await migrate(root, database, 'verify')).toMatchObject({ code: 0 })
        expect(await migrate(root, database, 'status', '--exit-code')).toMatchObject({ code: 0 })
        const after = await database.admin.query('SELECT version FROM kei.history ORDER BY id')
        expect(after.rows.map(({ version }) => version)).toEqual(['1', '3', '2'])
      })
    },
  )
})
