import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { majors } from '../../test/postgres.ts'
import { withTarget } from '../../test/up.ts'
import { loadParser } from '../sql/parse.ts'
import type { HeldLock } from './event.ts'
import { clockReading, firstReading, heldLocks, lockReading, readingPlaces } from './held-locks.ts'
import { sendPipeline } from './pipeline.ts'
import type { Sent } from './pipeline.ts'

const parser = await loadParser()

function parse(sql: string) {
  const parsed = parser.parse(sql)
  if (parsed.kind !== 'parsed') throw new Error(parsed.message)
  return parsed.statements
}

/** What the statements, run in one transaction, held locked. */
async function held(client: Client, sql: string): Promise<HeldLock[]> {
  const statements = parse(sql)
  const places = readingPlaces(statements)
  const sent: Sent[] = [{ text: 'BEGIN' }, firstReading(statements)]
  for (const [index, { text }] of statements.entries()) {
    sent.push({ text })
    if (places.has(index)) sent.push(lockReading)
  }
  const end = await sendPipeline(client, [...sent, { text: 'COMMIT' }, clockReading])
  if (end.kind !== 'done') throw end.error
  return heldLocks(end.answers.flatMap(({ rows }) => rows))
}

describe.each(majors)('on PostgreSQL %i', (major) => {
  test('locks on tables that were there are told with the time from their statement to the end', () =>
    withTarget(major, async ({ open }) => {
      const client = await open()
      await client.query(
        'CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE "U" (a int); CREATE VIEW v AS SELECT a FROM t',
      )
      const locks = await held(
        client,
        `CREATE TABLE fresh (a int);
         ALTER TABLE fresh ADD b int;
         SELECT pg_sleep(0.2);
         ALTER TABLE "U" ADD FOREIGN KEY (a) REFERENCES t;
         SELECT pg_sleep(0.1);
         INSERT INTO t VALUES (1);
         CREATE OR REPLACE VIEW v AS SELECT a, 1 AS b FROM t`,
      )
      expect(locks.map(({ relation, mode }) => `${relation} ${mode}`).toSorted()).toEqual([
        'public."U" SHARE ROW EXCLUSIVE',
        'public.t SHARE ROW EXCLUSIVE',
        'public.v ACCESS EXCLUSIVE',
      ])
      const ofU = locks.find(({ relation }) => relation === 'public."U"')?.milliseconds ?? 0
      expect(ofU).toBeGreaterThanOrEqual(100)
      expect(ofU).toBeLessThan(200)
    }))

  test('a lock that is made stronger counts from both times', () =>
    withTarget(major, async ({ open }) => {
      const client = await open()
      await client.query('CREATE TABLE t (a int)')
      const locks = await held(client, 'LOCK t IN SHARE MODE; SELECT pg_sleep(0.1); ALTER TABLE t ADD b int; ANALYZE t')
      expect(locks.map(({ mode }) => mode)).toEqual(['SHARE', 'ACCESS EXCLUSIVE'])
    }))

  test('what is dropped is named, with its partitions and all of a schema', () =>
    withTarget(major, async ({ open }) => {
      const client = await open()
      await client.query(`CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        CREATE SCHEMA app; CREATE TABLE app.x (a int); CREATE TABLE other (a int)`)
      const locks = await held(
        client,
        'DROP TABLE p; DROP SCHEMA app CASCADE; CREATE TABLE gone (a int); DROP TABLE gone',
      )
      expect(locks.map(({ relation }) => relation).toSorted()).toEqual(['app.x', 'public.p', 'public.p1'])
    }))
})

test('statements that keep nobody waiting are not followed by a reading, and there are sixteen at most', () => {
  expect([
    ...readingPlaces(parse('INSERT INTO t VALUES (1); CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1')),
  ]).toEqual([])
  const places = readingPlaces(parse('ALTER TABLE t ADD a int;'.repeat(1000)))
  expect(places.size).toBeLessThanOrEqual(16)
  expect(places.has(999)).toBe(true)
})
