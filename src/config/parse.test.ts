import { describe, expect, it } from 'vitest'
import { KeiError } from '../errors.ts'
import { defaultConfig } from './config.ts'
import { parseConfig } from './parse.ts'

function refusal(text: string): string {
  try {
    parseConfig(text, 'kei.jsonc')
  } catch (error) {
    if (error instanceof KeiError && error.code === 'invalid-config' && error.exitCode === 2) return error.message
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
      "migrations": [{ "dir": "db/migrations" }, { "dir": "old", "layout": "goose" },],
      "mainBranch": "release/2.x",
      "rules": { "a": "off", "b": "note", "c": { "severity": "error", "most": 3, "strict": true, "word": "x" } },
      "trace": { "setup": ["a.sql"], "timeZone": "UTC", "searchPath": "app", "statementTimeout": 5, "maxSize": 64 },
      "failOn": "error",
    }`
    expect(parseConfig(text, 'kei.jsonc')).toEqual({
      postgres: { major: 16 },
      migrations: [{ dir: 'db/migrations' }, { dir: 'old', layout: 'goose' }],
      mainBranch: 'release/2.x',
      rules: { a: 'off', b: 'note', c: { severity: 'error', most: 3, strict: true, word: 'x' } },
      trace: { setup: ['a.sql'], timeZone: 'UTC', searchPath: 'app', statementTimeout: 5, maxSize: 64 },
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
      'kei.jsonc:1:32: unknown key "folder"; expected one of "dir", "layout"',
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
      '{ "migrations": [{ "dir": "x", "layout": "atlas" }] }',
      'kei.jsonc:1:42: expected "kei", "goose", "golang-migrate" or "prisma" for migrations.0.layout, found "atlas"',
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
    ['{ "rules": {}, "rules": {} }', 'kei.jsonc:1:16: the key "rules" stands twice'],
  ])('says where %s is wrong and what was expected', (text, message) => {
    expect(refusal(text)).toBe(message)
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
