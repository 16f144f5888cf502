import type { Client } from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { lockTable } from '../../src/rules/lock-table/lock-table.ts'
import type { LockShape } from '../../src/rules/lock-table/lock-table.ts'
import { allRules } from '../../src/rules/registry.ts'
import { supportedMajors } from '../../src/rules/rule.ts'
import type { Major, RuleClaim } from '../../src/rules/rule.ts'
import { shadowOf, withDatabase } from '../postgres.ts'
import { failureOf, measure } from './measure.ts'

describe.each(supportedMajors)('on PostgreSQL %i', (major) => {
  for (const rule of allRules) {
    const claims = rule.claims.filter((claim) => (claim.majors ?? supportedMajors).includes(major))
    if (claims.length === 0) continue
    test.each(claims.map((claim) => [claim.says, claim] as const))(`${rule.id}: %s`, (_, claim) =>
      confirm(major, claim),
    )
  }

  const shapes = Object.entries<LockShape>(lockTable).filter(([, { majors = supportedMajors }]) =>
    majors.includes(major),
  )
  test.each(shapes)('lock table: %s', (_, shape) => confirmShape(major, shape))

  afterAll(() => dropClaimRoles(major))
})

async function confirm(major: Major, claim: RuleClaim): Promise<void> {
  await dropClaimRoles(major)
  await withDatabase(major, async (client, database, shadow) => {
    if (claim.setup !== '') await client.query(claim.setup)
    if (claim.fails !== undefined) {
      expect(await failureOf(client, claim.statement)).toBe(claim.fails)
    } else {
      const seen = await measure(client, claim.statement, () => shadow.connect({ database }))
      if (claim.locks) expect(seen.locks).toMatchObject(claim.locks)
      if (claim.rewrites) expect(seen.rewrites).toEqual(claim.rewrites)
      if (claim.scans) expect(seen.scans).toEqual(claim.scans)
    }
    if (claim.then) {
      await client.query('RESET ROLE')
      expect(await rowsOf(client, claim.then.query)).toEqual(claim.then.rows)
    }
  })
}

async function confirmShape(major: Major, shape: LockShape): Promise<void> {
  await withDatabase(major, async (client, database, shadow) => {
    await client.query(shape.setup)
    const { locks, rewrites, scans } = await measure(client, shape.statement, () => shadow.connect({ database }))
    expect(locks).toEqual(shape.locks)
    // While a statement waits its counters cannot be read.
    if (rewrites) expect(rewrites.includes('public.t')).toBe(shape.rewrite)
    if (scans) expect(scans.includes('public.t')).toBe(shape.scan)
  })
}

async function rowsOf(client: Client, query: string): Promise<unknown[][]> {
  const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' })
  return rows
}

/** Roles belong to the whole server: those that a claim makes are taken away before and after. */
async function dropClaimRoles(major: Major): Promise<void> {
  const shadow = await shadowOf(major)
  const session = await shadow.connect({ database: 'postgres' })
  try {
    const { rows } = await session.query<{ drop: string }>(
      `SELECT format('DROP ROLE %I', rolname) AS drop FROM pg_roles WHERE rolname ~ '^kei_claim_'`,
    )
    for (const { drop } of rows) await session.query(drop)
  } finally {
    await session.end()
  }
}
