import { expect, it } from 'vitest'
import { findPassword } from './password-file.ts'

const key = { host: 'db.example.com', port: 5432, database: 'shop', user: 'app' }

it.each<[string, string | undefined]>([
  ['db.example.com:5432:shop:app:secret', 'secret'],
  ['*:*:*:*:secret', 'secret'],
  ['db.example.com:5433:shop:app:secret', undefined],
  ['other:*:*:*:no\n*:*:*:app:yes\n*:*:*:*:late', 'yes'],
  ['# *:*:*:*:no\n\n*:*:*:*:yes\r\n', 'yes'],
  ['*:*:*:*:a\\:b\\\\c', 'a:b\\c'],
  ['*:*:*:*:a:rest', 'a'],
  ['*:*:*:secret', undefined],
  ['**:*:*:*:no', undefined],
  ['\\*:*:*:*:no', undefined],
  ['*:*:*:*:trailing\\', 'trailing\\'],
  ['', undefined],
])('%j', (text, password) => {
  expect(findPassword(text, key)?.password).toBe(password)
})

it('finds hosts and users that hold a colon or a backslash, escaped', () => {
  const text = '\\:\\:1:*:*:*:six\n*:*:sh\\\\op:a\\:b:odd'
  expect(findPassword(text, { ...key, host: '::1' })).toEqual({ password: 'six', line: 1 })
  expect(findPassword(text, { ...key, database: 'sh\\op', user: 'a:b' })).toEqual({ password: 'odd', line: 2 })
})
