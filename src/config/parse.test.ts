import { describe, expect, it } from 'vitest'
import { KeiError } from '../errors.ts'
import { defaultConfig } from './config.ts'
import { parseConfig } from './parse.ts'

function refusal(text: string, code = 'invalid-config'): string {
  try {
    parseConfig(text, 'kei.jsonc')
  } catch (error) {
    if (error instanceof KeiError && error.code === code && error.exitCode === 2) return error.message
    throw error
  }
  throw new Error('it was accepted')
}

describe('parseConfig', () => {
  it('reads every key, comments and trailing commas', () => {
    const text = `{
      "$schema": "./schema/kei.schema.json",
      // the target
      "postgres": { "major": 16 },
      "migrations": [{ "dir": "db/migrations" }, { "dir": "old", "layout": "goose", "target": "prod" },],
      "mainBranch": "release/2.x",
      "rules": { "a": "off", "b": "note", "c": { "severity": "error", "most": 3, "strict": true, "word": "x" } },
      "trace": { "setup": ["a.sql"], "timeZone": "UTC", "searchPath": "app", "statementTimeout": 5, "maxSize": 64 },
      "targets": {
        "prod": { "url": "postgresql://app@pool:6432/shop", "directUrl": "service=shop", "production": true },
        "staging-2": { "url": { "env": "STAGING_URL" } },
      },
      "migrate": { "schema": "ops", "role": "owner", "lockTimeout": 0.5, "retryFor": 0 },
      "failOn": "error",
    }`
    expect(parseConfig(text, 'kei.jsonc')).toEqual({
      postgres: { major: 16 },
      migrations: [{ dir: 'db/migrations' }, { dir: 'old', layout: 'goose', target: 'prod' }],
      mainBranch: 'release/2.x',
      rules: { a: 'off', b: 'note', c: { severity: 'error', most: 3, strict: true, word: 'x' } },
      trace: { setup: ['a.sql'], timeZone: 'UTC', searchPath: 'app', statementTimeout: 5, maxSize: 64 },
      targets: {
        prod: { url: 'postgresql://app@pool:6432/shop', directUrl: 'service=shop', production: true },
        'staging-2': { url: { env: 'STAGING_URL' }, production: false },
      },
      migrate: { schema: 'ops', role: 'owner', lockTimeout: 0.5, retryFor: 0 },
      failOn: 'error',
    })
  })

  it.each(['', '// nothing yet\n', '{}'])('has the defaults for %j', (text) => {
    expect(parseConfig(text, 'kei.jsonc')).toEqual(defaultConfig)
  })

  it('fills in what a part leaves out', () => {
    expect(parseConfig('{ "trace": { "maxSize": 100 } }', 'kei.jsonc').trace).toEqual({
      setup: [],
      statementTimeout: 30,
      maxSize: 100,
    })
    expect(parseConfig('{ "migrate": { "role": "owner" } }', 'kei.jsonc').migrate).toEqual({
      schema: 'kei',
      role: 'owner',
      lockTimeout: 1,
      retryFor: 600,
    })
  })

  it.each([
    ['{ "failOn": "error" "rules": {} }', 'kei.jsonc:1:21: expected a comma'],
    ['{\n  "failOn": ,\n}', 'kei.jsonc:2:13: expected a value'],
    ['{ "failOn": "err', 'kei.jsonc:1:13: unexpected end of string'],
    ['[]', 'kei.jsonc:1:1: expected an object, found an array'],
    ['{\n  "migration": []\n}', 'kei.jsonc:2:3: unknown key "migration"; did you mean "migrations"?'],
    [
      '{ "trace": { "colour": 1 } }',
      'kei.jsonc:1:14: unknown key "colour"; expected one of "setup", "timeZone", "searchPath", "statementTimeout", "maxSize"',
    ],
    [
      '{ "migrations": [{ "dir": "x", "folder": "x" }] }',
      'kei.jsonc:1:32: unknown key "folder"; expected one of "dir", "layout", "target"',
    ],
    ['{ "trace": [] }', 'kei.jsonc:1:12: expected an object, found an array'],
    ['{ "rules": { "a": [] } }', 'kei.jsonc:1:19: expected an object, found an array'],
    ['{ "migrations": [[]] }', 'kei.jsonc:1:18: expected an object, found an array'],
    ['{ "migrations": {} }', 'kei.jsonc:1:17: expected an array of objects with `dir` for migrations, found an object'],
    ['{ "failOn": [] }', 'kei.jsonc:1:13: expected "error", "warning" or "note" for failOn, found an array'],
    ['{ "postgres": { "mayor": 17 } }', 'kei.jsonc:1:17: unknown key "mayor"; did you mean "major"?'],
    ['{ "migrations": [{ "layout": "kei" }] }', 'kei.jsonc:1:18: the key "dir" is missing'],
    ['{ "postgres": { "major": 15 } }', 'kei.jsonc:1:26: expected 16, 17 or 18 for postgres.major, found 15'],
    ['{ "postgres": { "major": "17" } }', 'kei.jsonc:1:26: expected 16, 17 or 18 for postgres.major, found "17"'],
    [
      '{ "migrations": [{ "dir": "x", "layout": "tern" }] }',
      'kei.jsonc:1:42: expected "kei", "atlas", "dbmate", "flyway", "golang-migrate", "goose", "prisma" or "sqlx" ' +
        'for migrations.0.layout, found "tern"',
    ],
    [
      '{ "rules": { "a": { "severity": "bad" } } }',
      'kei.jsonc:1:33: expected "off", "error", "warning" or "note" for rules.a.severity, found "bad"',
    ],
    [
      '{ "rules": { "a": { "most": [] } } }',
      'kei.jsonc:1:29: expected a string, a number or a boolean for rules.a.most, found an array',
    ],
    [
      '{ "trace": { "statementTimeout": 0 } }',
      'kei.jsonc:1:34: expected at least 1 second for trace.statementTimeout, found 0',
    ],
    ['{ "mainBranch": "--help" }', 'kei.jsonc:1:17: expected the name of a branch for mainBranch, found "--help"'],
    ['{ "mainBranch": "a..b" }', 'kei.jsonc:1:17: expected the name of a branch for mainBranch, found "a..b"'],
    ['{ "mainBranch": "*" }', 'kei.jsonc:1:17: expected the name of a branch for mainBranch, found "*"'],
    [
      '{ "targets": { "prod": { "host": "db" } } }',
      'kei.jsonc:1:26: unknown key "host"; expected one of "url", "directUrl", "production"',
    ],
    [
      '{ "targets": { "prod": { "url": { "env": "A", "file": "b" } } } }',
      'kei.jsonc:1:47: unknown key "file"; expected one of "env"',
    ],
    [
      '{ "targets": { "prod": { "url": { "env": "A B" } } } }',
      'kei.jsonc:1:42: expected the name of an environment variable for targets.prod.url.env, found "A B"',
    ],
    [
      '{ "targets": { "prod": { "url": "" } } }',
      'kei.jsonc:1:33: expected a connection string, or { "env": "NAME" } for the variable that holds it for ' +
        'targets.prod.url, found ""',
    ],
    ['{ "targets": { "prod": { "url": [] } } }', 'kei.jsonc:1:33: expected an object, found an array'],
    ['{ "targets": { "prod": [] } }', 'kei.jsonc:1:24: expected an object, found an array'],
    [
      '{ "targets": { "prod": "postgresql://app:hunter2@db" } }',
      'kei.jsonc:1:24: expected an object with `url`, `directUrl` or `production` for targets.prod, found a text that ' +
        'is not shown',
    ],
    [
      '{ "targets": { "prod": {} }, "migrations": [{ "dir": "x", "target": "prd" }] }',
      'kei.jsonc:1:69: unknown target "prd"; did you mean "prod"?',
    ],
    [
      '{ "targets": { "a": {}, "b": {} }, "migrations": [{ "dir": "x", "target": "staging" }] }',
      'kei.jsonc:1:75: unknown target "staging"; expected one of "a", "b"',
    ],
    [
      '{ "migrations": [{ "dir": "x", "target": "prod" }] }',
      'kei.jsonc:1:42: unknown target "prod"; `targets` names none',
    ],
    [
      '{ "migrate": { "schema": "pg_kei" } }',
      'kei.jsonc:1:26: expected the name of a schema, at most 63 bytes and not beginning with "pg_" for ' +
        'migrate.schema, found "pg_kei"',
    ],
    [
      '{ "migrate": { "role": "none" } }',
      'kei.jsonc:1:24: expected the name of a role, at most 63 bytes for migrate.role, found "none"',
    ],
    [
      `{ "migrate": { "role": "${'é'.repeat(32)}" } }`,
      'kei.jsonc:1:24: expected a name of at most 63 bytes for migrate.role, found one of 64',
    ],
    [
      '{ "migrate": { "lockTimeout": 0 } }',
      'kei.jsonc:1:31: expected at least 0.001 seconds for migrate.lockTimeout, found 0',
    ],
    ['{ "rules": {}, "rules": {} }', 'kei.jsonc:1:16: the key "rules" stands twice'],
  ])('says where %s is wrong and what was expected', (text, message) => {
    expect(refusal(text)).toBe(message)
  })

  it('refuses a target whose name cannot be typed', () => {
    for (const name of ['', 'a b', '-x', 'é', 'x'.repeat(64)]) {
      expect(refusal(`{ "targets": { ${JSON.stringify(name)}: {} } }`)).toContain('the name of a target')
    }
  })

  it('refuses a connection string with a password, and does not show it', () => {
    const text = `{ "targets": {
      "prod": { "url": "postgresql://app:hunter2@db/shop", "directUrl": "host=db password=hunter2" },
    } }`
    expect(refusal(text, 'password-in-config')).toBe(
      'kei.jsonc:2:24: targets.prod.url holds a password\nkei.jsonc:2:73: targets.prod.directUrl holds a password',
    )
  })

  it('says of a wrong rule setting what it may be', () => {
    expect(refusal('{ "rules": { "a": "loud" } }')).toBe(
      'kei.jsonc:1:19: expected "off", "error", "warning", "note" or an object with `severity` and the options of ' +
        'the rule for rules.a, found "loud"',
    )
  })

  it('names every wrong value, each on its line', () => {
    expect(refusal('{ "failOn": 1,\n "mainBranch": 2 }').split('\n')).toEqual([
      'kei.jsonc:1:13: expected "error", "warning" or "note" for failOn, found 1',
      'kei.jsonc:2:16: expected a string for mainBranch, found 2',
    ])
  })

  it('shows no more of a value than fits a line', () => {
    expect(refusal(`{ "failOn": "${'x'.repeat(500)}" }`).length).toBeLessThan(150)
  })

  it('refuses a file nested too deeply to be read', () => {
    expect(refusal('['.repeat(400_000))).toBe('kei.jsonc:1:1: nested too deeply')
    expect(refusal('{"rules":'.repeat(4_000) + '1' + '}'.repeat(4_000))).toMatch(/^kei\.jsonc:1:/)
  })

  it('takes __proto__ for an unknown key', () => {
    expect(refusal('{ "__proto__": { "failOn": "note" } }')).toContain('unknown key "__proto__"')
  })
})
