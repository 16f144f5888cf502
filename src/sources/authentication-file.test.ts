import { expect, test } from 'vitest'
import { folderWith } from '../../test/repository.ts'
import { readAuthenticationFile } from './authentication-file.ts'

function read(files: Record<string, string | Uint8Array>) {
  const texts = new Map<string, string>()
  return { ...readAuthenticationFile(folderWith(files), 'conf/pg_hba.conf', texts, 17), texts }
}

test('takes in what a file of the repository includes, and remembers its text', () => {
  const { records, faults, texts } = read({
    'conf/pg_hba.conf': 'local all @admins peer\ninclude_dir parts\n',
    'conf/admins': 'anna\nbert\n',
    'conf/parts/1.conf': 'local all all reject\n',
  })
  expect(faults).toEqual([])
  expect(records.map(({ users, method }) => [users.map(({ text }) => text), method])).toEqual([
    [['anna', 'bert'], 'peer'],
    [['all'], 'reject'],
  ])
  expect([...texts.keys()].sort()).toEqual(['conf/admins', 'conf/parts/1.conf', 'conf/pg_hba.conf'])
})

test.each([
  ['include /etc/postgresql/pg_hba.conf', '/etc/postgresql/pg_hba.conf, which lies outside the repository'],
  ['local all @../../admins peer', '../admins, which lies outside the repository'],
  ['host all all {{ subnet }} md5', 'what the template engine fills in'],
  ['include self.conf', 'an end of the files that include each other (1000 were read)'],
])('says what it does not know of: %s', (line, needs) => {
  const { unread, faults } = read({
    'conf/pg_hba.conf': `local all all peer\n${line}\n`,
    'conf/self.conf': 'include self.conf\ninclude self.conf\ninclude self.conf\n',
  })
  expect(unread.map((each) => each.needs)).toContain(needs)
  expect(faults.every(({ message }) => message.includes('nesting depth'))).toBe(true)
})

test('a byte order mark is part of the first line for the server', () => {
  const { faults } = read({ 'conf/pg_hba.conf': '\uFEFFlocal all all peer\n' })
  expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('byte order mark')])
})

test('a file that is no UTF-8 is unread', () => {
  const { unread } = read({ 'conf/pg_hba.conf': Uint8Array.of(0x23, 0xe9, 0x0a) })
  expect(unread).toHaveLength(1)
})

test('keeps no secret', () => {
  const radius = 'radius radiusservers=127.0.0.1'
  const authentication = read({
    'conf/pg_hba.conf': [
      'host all all 10.0.0.0/8 ldap ldapbasedn=x ldapbindpasswd="Xq7-Secret"',
      `host all all 10.0.0.0/8 ${radius} "radiussecrets=""Xq7-Secret"",""Xq7-Secret"""`,
      `host all all 10.0.0.0/8 ${radius} radiussecrets=a,Xq7-Secret`,
      `host all all 10.0.0.0/8 ${radius} radiussecrets=a,Xq7-Secret=b`,
      `host all all 10.0.0.0/8 ${radius} radiussecrets=Xq7-Secret,`,
    ].join('\n'),
  })
  const { records, faults } = authentication
  expect(records.length).toBe(2)
  expect(faults.length).toBe(3)
  const said = records.flatMap(({ options }) => options.map(({ value }) => value))
  expect([...said, ...faults.map(({ message }) => message)].join('\n')).not.toContain('Xq7')
})
