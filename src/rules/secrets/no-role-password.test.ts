import { expect, test } from 'vitest'
import { applyFix, history, judgeExample } from '../../../test/contract/examples.ts'
import rule from './no-role-password.ts'

const find = (how: 'text' | 'trace', ...texts: string[]) => judgeExample(rule, history(...texts), 17, how)

const silent = {
  'no password': 'CREATE ROLE app LOGIN;',
  'PASSWORD NULL': 'CREATE ROLE app PASSWORD NULL;',
  'a password that is taken away': 'CREATE ROLE app; ALTER ROLE app PASSWORD NULL;',
  'what a tool fills in': "CREATE ROLE app PASSWORD '${app_password}';",
}

test.each(Object.entries(silent))('%s is passed over', async (_, sql) => {
  expect((await find('text', sql)).findings).toEqual([])
})

const secret = 'tr0ub4dor&3'
const found = {
  'CREATE ROLE': `CREATE ROLE app LOGIN PASSWORD '${secret}' CONNECTION LIMIT 3;`,
  'CREATE USER, ENCRYPTED': `CREATE USER app ENCRYPTED PASSWORD '${secret}';`,
  'ALTER ROLE': `CREATE ROLE app; ALTER ROLE app WITH PASSWORD '${secret}' VALID UNTIL 'infinity';`,
  'a dollar-quoted one': `CREATE ROLE app PASSWORD $x$${secret}$x$;`,
  'in a DO block': `DO $$ BEGIN CREATE ROLE app LOGIN PASSWORD '${secret}'; END $$;`,
  'of a user mapping': `CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user 'app', password '${secret}');`,
}

test.each(Object.entries(found))('%s is found, and nothing of the finding shows the password', async (_, sql) => {
  const { findings } = await find('text', sql)
  expect(findings).toMatchObject([{ severity: 'error' }])
  expect(JSON.stringify(findings)).not.toContain(secret)
})

test('the clause is left out and the rest stays', async () => {
  const [fix] = (await find('text', found['CREATE ROLE'])).findings[0]?.fixes ?? []
  expect(fix && applyFix(history(found['CREATE ROLE']), fix)[0]?.text.trim()).toBe(
    'CREATE ROLE app LOGIN CONNECTION LIMIT 3;',
  )
  const [other] = (await find('text', found['CREATE USER, ENCRYPTED'])).findings[0]?.fixes ?? []
  expect(other && applyFix(history(found['CREATE USER, ENCRYPTED']), other)[0]?.text.trim()).toBe('CREATE USER app;')
})

test('a released file is not edited', async () => {
  expect((await find('text', found['CREATE ROLE'], 'SELECT 1;')).findings).toMatchObject([{ fixes: [] }])
})

test('an MD5 hash is an error, since it is all that a login with md5 needs; a SCRAM verifier a warning', async () => {
  const verifier = 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy'
  expect((await find('text', `CREATE ROLE a PASSWORD 'md5${'0'.repeat(32)}';`)).findings).toMatchObject([
    { severity: 'error' },
  ])
  expect((await find('text', `CREATE ROLE a PASSWORD '${verifier}';`)).findings).toMatchObject([
    { severity: 'warning' },
  ])
})
