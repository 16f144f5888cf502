import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseConfig } from '../src/config/parse.ts'
import { KeiError } from '../src/errors.ts'
import { enableRules } from '../src/check/rule-settings.ts'
import { judge } from '../src/check/judge.ts'
import { allRules } from '../src/rules/registry.ts'
import type { SubjectKind } from '../src/rules/subject.ts'
import { parseAuthentication } from '../src/sources/authentication/parse.ts'
import { judgeMigrations } from './contract/examples.ts'
import { secretCases } from './secrets/cases.ts'

/** A kind of text that kei reads: what it looks like, and what kei does with it. */
interface Kind {
  name: string
  corpus: string[]
  /** Parts of the language that mean most where they stand wrongly. */
  words: string[]
  /** Reads the text and judges it; whatever it throws is a crash. */
  read(text: string): unknown
}

const shop = fileURLToPath(new URL('../examples/shop/', import.meta.url))
const rules = enableRules(allRules, {})

const kinds: Kind[] = [
  {
    name: 'pg_hba.conf',
    corpus: [readFileSync(join(shop, 'postgres/pg_hba.conf'), 'utf8'), ...examplesOf('authentication')],
    words: [
      ...[
        'all',
        '0.0.0.0/0',
        '::/0',
        '::',
        '/',
        '@',
        '@pg_hba.conf',
        'include pg_hba.conf\n',
        'include_dir .\n',
        '"',
        '""',
      ],
      ...[
        ',',
        '\\\n',
        '#',
        '\r',
        '=',
        'local',
        'hostssl',
        '/(',
        '/[',
        '+',
        '10.1',
        '1:2:3:4:5:6:7:8',
        '255.0.255.0',
        '${',
      ],
      ...['radius radiusservers=a,b radiussecrets=c', 'ldap ldapurl=ldap://h/?a?b?c', 'clientcert=verify-full'],
    ],
    read(text) {
      const files = {
        // Whatever is included is the file itself: as deep as the server goes.
        read: () => ({ kind: 'text', text }) as const,
        list: () => ({ kind: 'names', names: ['pg_hba.conf'] }) as const,
      }
      const subject = parseAuthentication('pg_hba.conf', text, files, 18)
      const surroundings = [{ kind: 'authentication', subject } as const]
      const matter = { histories: [], surroundings, unreadable: [], ignores: [], released: new Set<string>() }
      return judge(matter, rules, { major: 18, all: true, knownRules: [], today: '2026-01-01' })
    },
  },
  {
    name: 'kei.jsonc',
    corpus: [
      `// The whole of it.
{
  "postgres": { "major": 17 },
  "migrations": [{ "dir": "db/migrations", "layout": "goose", "target": "main" }, { "dir": "other" }],
  "mainBranch": "main",
  "failOn": "note",
  "rules": { "no-rename": "off", "no-mega-migration": ["error", { "statements": 5 }], "prefer-jsonb": "note" },
  "trace": { "setup": "CREATE ROLE app", "extensions": ["pgcrypto"], },
  "targets": { "main": { "url": "\${DATABASE_URL}", "production": true }, "test": { "service": "test" } },
  "migrate": { "lockTimeout": "2s", "attempts": 5 },
}
`,
      '{ "rules": { "no-rename": { "severity": "note" } }, /* why */ "targets": {} }',
      '{}',
    ],
    words: [
      ...['{', '}', '[', ']', '[[[[', ':', ',', '"', '\\', '\\u0000', '//', '/*', '*/', 'null', 'true', '-1', '1e999'],
      ...[
        '"__proto__"',
        '"constructor"',
        '"rules": {',
        '"targets": {',
        '"postgres": 17',
        '"dir": "../.."',
        '"major": 99',
      ],
      ...['"url": "postgres://a:b@c/d"', '""'],
    ],
    read(text) {
      try {
        return parseConfig(text, 'kei.jsonc')
      } catch (error) {
        if (error instanceof KeiError) return error
        throw error
      }
    },
  },
  {
    name: 'SQL',
    corpus: [
      ...readdirSync(join(shop, 'migrations')).map((name) => readFileSync(join(shop, 'migrations', name), 'utf8')),
      ...examplesOf('statement', 'migration'),
    ],
    words: [
      ...[
        ';',
        ';;',
        "'",
        '"',
        '$$',
        '$a$',
        "E'\\",
        '--',
        '/*',
        '*/',
        '(',
        ')',
        '((((((((',
        ',',
        '.',
        '::',
        '\\',
        '\r\n',
      ],
      ...[
        'ALTER TABLE orders ',
        'ADD COLUMN a int ',
        'CONCURRENTLY ',
        'IF NOT EXISTS ',
        'BEGIN;',
        'COMMIT;',
        'ROLLBACK;',
      ],
      ...['DO $$ BEGIN ', ' END $$', 'EXECUTE format(', 'CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ '],
      ...[
        'NOT VALID',
        'CASCADE',
        'PARTITION OF ',
        'DEFAULT ',
        'U&"\\0061"',
        '-- kei: ignore no-rename: why\n',
        'é',
        '\u{1F600}',
      ],
    ],
    read: (text) => judgeMigrations([{ file: 'migrations/0001_step.sql', text, released: false }], 17, 'text'),
  },
  {
    name: 'files with passwords',
    corpus: secretCases.map(({ text }) => text),
    words: [
      ...[
        'postgres://',
        '@',
        ':',
        '%',
        '"',
        "'",
        '`',
        '\\"',
        '${',
        '{{',
        '}}',
        '<',
        '=',
        ': ',
        ';',
        '\t',
        '\r\n',
        '\\n',
      ],
      ...[
        'password',
        'PGPASSWORD=',
        'name: ',
        'value: ',
        'kind: Secret\ndata:\n',
        'host=',
        '- ',
        'ENV ',
        'é',
        '\u{1F600}',
      ],
    ],
    read(text) {
      const subjects = ['a.yml', 'a.ts', 'a.md', '.env', 'userlist.txt'].map((file) => ({ file, text, tracked: true }))
      const environment = { kind: 'environment', subject: { files: subjects, committed: [] } } as const
      const surroundings = [...subjects.map((subject) => ({ kind: 'text', subject }) as const), environment]
      const matter = { histories: [], surroundings, unreadable: [], ignores: [], released: new Set<string>() }
      return judge(matter, rules, { major: 18, all: true, knownRules: [], today: '2026-01-01' })
    },
  },
]

/** All of them with KEI_TEST=full. */
const count = process.env['KEI_TEST'] === 'full' ? 100_000 : 2_000
/** Milliseconds: far more than any needs, and less than a person waits. */
const longest = 10_000
const seed = 5

test.each(kinds)('mutations of $name are read without a crash', async ({ name, corpus, words, read }) => {
  expect(corpus.length).toBeGreaterThan(2)
  const inputs = Math.ceil(count / kinds.length)
  for (let index = 0; index < inputs; index++) {
    const text = mutationOf(corpus, words, randomFrom(seed * count + index))
    const start = performance.now()
    try {
      await read(text)
    } catch (error) {
      throw new Error(`${name}, input ${index}: ${JSON.stringify(text)}`, { cause: error })
    }
    expect(performance.now() - start, `${name}, input ${index}: ${JSON.stringify(text)}`).toBeLessThan(longest)
  }
})

/** What the rules about such a subject show as wrong and right. */
function examplesOf(...subjects: SubjectKind[]): string[] {
  const examples = allRules.filter(({ subject }) => subjects.includes(subject)).flatMap((rule) => rule.examples)
  return examples.flatMap(({ bad, good }) => [bad, good]).filter((text) => typeof text === 'string')
}

/** A number from 0 up to and without `below`. */
type Random = (below: number) => number

/** The same numbers for the same start: a linear congruence, of which the upper bits are taken. */
function randomFrom(start: number): Random {
  let state = BigInt(start)
  return (below) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn
    return Number(((state >> 32n) * BigInt(below)) >> 32n)
  }
}

/** A text of the corpus with one to eight changes; in half of them words and lines only, so that many are sound. */
function mutationOf(corpus: readonly string[], words: readonly string[], random: Random): string {
  const pick = (texts: readonly string[]) => texts[random(texts.length)] ?? ''
  const isGentle = random(2) === 0
  let text = pick(corpus)
  for (let changes = 1 + random(1 + random(8)); changes > 0; changes--) {
    text = isGentle ? exchange(text, pick(corpus), random) : change(text, pick, words, corpus, random)
  }
  return text
}

/** A word or line exchanged for another one, left out or said twice. */
function exchange(text: string, other: string, random: Random): string {
  const unit = random(2) === 0 ? /[\w.]+/g : /[^;\n]*[;\n]/g
  const own = [...text.matchAll(unit)]
  const others = random(2) === 0 ? own : [...other.matchAll(unit)]
  const from = own[random(own.length)]
  if (from === undefined) return text
  const to = others[random(others.length)]?.[0] ?? ''
  const parts = [[to], [to], [from[0], to], [from[0], from[0]], []][random(5)] ?? []
  return text.slice(0, from.index) + parts.join('') + text.slice(from.index + from[0].length)
}

function change(
  text: string,
  pick: (texts: readonly string[]) => string,
  words: readonly string[],
  corpus: readonly string[],
  random: Random,
): string {
  const start = random(text.length + 1)
  const end = Math.min(text.length, start + random(random(4) === 0 ? 200 : 8))
  const before = text.slice(0, start)
  const part = text.slice(start, end)
  const after = text.slice(end)
  switch (random(8)) {
    case 0:
      return before + after
    case 1:
      return before + part + part + after
    case 2:
      return before + part.repeat(random(20)) + after
    case 3:
      return before + pick(words) + after
    case 4:
      return before + pick(words) + part + after
    case 5:
      return random(4) === 0 ? before : after + before
    case 6: {
      const other = pick(corpus)
      const from = random(other.length + 1)
      return before + other.slice(from, from + random(60)) + after
    }
    default:
      return before + String.fromCodePoint(1 + random(random(3) === 0 ? 0xd7ff : 0x7e)) + after
  }
}
