import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findPasswords, secretsInFile } from './find.ts'

const names = ['.env', 'a.yml', 'a.ts', 'a.md', 'a.sql', 'a.tf', 'userlist.txt', '.pgpass', 'pom.xml']
const password = ['tall', 'Birch', '57'].join('-')

const pieces = fc.constantFrom(
  ...[
    'postgres://',
    'password',
    'PGPASSWORD',
    '=',
    ':',
    '@',
    '"',
    "'",
    '`',
    '\\',
    '\n',
    ' ',
    '${',
    '}',
    '{{',
    '}}',
    '\\n',
    'host=',
  ],
  ...[
    'u',
    ';',
    'user=',
    'name: ',
    'value: ',
    'kind: Secret\n',
    'data:\n',
    '  ',
    '- ',
    '<',
    '>',
    '%',
    'é',
    '😀',
    'CREATE ROLE a ',
  ],
)
const texts = fc.oneof(
  fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
)

describe('findPasswords', () => {
  it('reads any text, and what it finds stands in it, in order and apart', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), texts, (file, text) => {
        let end = 0
        for (const { span } of findPasswords(file, text)) {
          expect(span.start).toBeGreaterThanOrEqual(end)
          expect(span.end).toBeGreaterThan(span.start)
          expect(span.end).toBeLessThanOrEqual(text.length)
          end = span.end
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('hides from a shown line whatever it finds', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), texts, (file, text) => {
        const hidden = secretsInFile(file, text)
        for (const { span } of findPasswords(file, text)) {
          expect(hidden.some(({ start, end }) => start <= span.start && span.end <= end)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['an unencoded @', `postgres://u:a@b:${password}@db.acme.io/d`, `a@b:${password}`],
    ['an encoded one', `postgres://u:${password}%40x@db.acme.io/d`, `${password}%40x`],
    ['a list of hosts', `postgres://u:${password}@a.acme.io:1,b.acme.io/d`, password],
    ['an @ among the parameters', `postgres://u:${password}@a.acme.io/d?x=me@acme.io`, password],
    ['another address behind it', `"postgres://u:${password}@a.acme.io/d", "me@acme.io"`, password],
  ])('ends a URL’s password where it ends: %s', (_, text, expected) => {
    expect(
      findPasswords('a.yml', `url: ${text}\n`).map(({ span }) => text.slice(span.start - 5, span.end - 5)),
    ).toEqual([expected])
  })

  it('finds nothing in a URL without a password', () => {
    for (const text of ['postgres://u@h/d', 'postgres://h:5432/d?x=a@b', 'ssh://git@h:22/postgres', 'postgres:///d']) {
      expect(findPasswords('a.yml', `url: ${text}\n`)).toEqual([])
    }
  })

  it.each([
    'password=',
    'password ',
    'postgres://',
    'postgres://a:b@h/d ',
    'pgpass "h:1:d:u:p" ',
    'ALTER USER a PASSWORD ',
    '{"host":"h","user":"u","password":"xKj29dk","database":"postgres"},',
  ])('reads a text that is one long line before a person waits: %j', (piece) => {
    const text = piece.repeat(400_000 / piece.length)
    const start = performance.now()
    findPasswords('a.yml', text)
    // A tenth of it on an idle machine; what looks at the whole line for each of them takes ten seconds and more.
    expect(performance.now() - start).toBeLessThan(6_000)
  })
})
