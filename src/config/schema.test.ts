import { readFileSync } from 'node:fs'
import { toJsonSchema } from '@valibot/to-json-schema'
import { Ajv } from 'ajv'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { configSchema } from './schema.ts'

const shipped = JSON.parse(readFileSync(new URL('../../schema/kei.schema.json', import.meta.url), 'utf8')) as object

describe('schema/kei.schema.json', () => {
  it('is what scripts/generate-config-schema.js makes of the schema that kei validates with', () => {
    expect(shipped).toEqual(JSON.parse(JSON.stringify(toJsonSchema(configSchema, { typeMode: 'input' }))))
  })

  it.each<unknown>([
    {},
    { postgres: { major: 16 }, failOn: 'note', rules: { a: 'off', b: { severity: 'error', most: 1 } } },
    { migrations: [{ dir: 'x', layout: 'prisma' }], mainBranch: 'main', trace: { setup: ['x.sql'] } },
    { postgres: { major: 14 } },
    { migrations: [{}] },
    { migrations: [] },
    { rules: { a: 'loud' } },
    { rules: { a: { most: null } } },
    { mainBranch: 'a b' },
    { mainBranch: '/a' },
    { trace: { maxSize: 1 } },
    { targets: { prod: { url: 'service=shop', directUrl: { env: 'DIRECT' }, production: true }, b: {} } },
    { targets: { prod: { url: { env: 'a b' } } } },
    { targets: { prod: { url: 1 } } },
    { targets: { 'a b': {} } },
    { migrate: { schema: 'ops', role: 'owner', lockTimeout: 0.5, retryFor: 0 } },
    { migrate: { schema: 'pg_x' } },
    { migrate: { role: 'none' } },
    { migrate: { role: '' } },
    { migrate: { lockTimeout: 0 } },
    { colour: 1 },
  ])('says the same as kei of %j', (config) => {
    expect(new Ajv().compile(shipped)(config)).toBe(v.safeParse(configSchema, config).success)
  })
})
