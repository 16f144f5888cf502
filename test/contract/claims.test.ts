import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockTable } from '../../src/rules/lock-table/lock-table.ts'
import type { LockShape } from '../../src/rules/lock-table/lock-shape.ts'
import { allRules } from '../../src/rules/registry.ts'
import { supportedMajors } from '../../src/rules/rule.ts'
import type { RuleClaim } from '../../src/rules/rule.ts'
import { confirmShape } from './confirm-shape.ts'
import { failureOf, measure } from './measure.ts'
import { emptyBench, openBench } from './measuring-bench.ts'
import type { Bench } from './measuring-bench.ts'

describe.each(supportedMajors)('on PostgreSQL %i', (major) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await openBench(major)
  })
  afterAll(() => bench.close())

  for (const rule of allRules) {
    const claims = rule.claims.filter((claim) => (claim.majors ?? supportedMajors).includes(major))
    if (claims.length === 0) continue
    test.each(claims.map((claim) => [claim.says, claim] as const))(`${rule.id}: %s`, (_, claim) =>
      confirm(bench, claim),
    )
  }

  const shapes = Object.entries<LockShape>(lockTable).filter(([, { majors = supportedMajors }]) =>
    majors.includes(major),
  )
  test.each(shapes)('lock table: %s', (_, shape) => confirmShape(bench, shape))
})

async function confirm(bench: Bench, claim: RuleClaim): Promise<void> {
  const { client } = bench
  await emptyBench(bench)
  if (claim.setup !== '') await client.query(claim.setup)
  if (claim.fails !== undefined) {
    expect(await failureOf(client, claim.statement)).toBe(claim.fails)
  } else {
    const seen = await measure(client, claim.statement, bench.connect)
    if (claim.locks) expect(seen.locks).toMatchObject(claim.locks)
    if (claim.rewrites) expect(seen.rewrites).toEqual(claim.rewrites)
    if (claim.scans) expect(seen.scans).toEqual(claim.scans)
  }
  if (claim.then) {
    await client.query('RESET ROLE')
    expect(await rowsOf(client, claim.then.query)).toEqual(claim.then.rows)
  }
}

async function rowsOf(client: Client, query: string): Promise<unknown[][]> {
  const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' })
  return rows
}
