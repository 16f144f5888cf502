import type { Client } from 'pg'
import { runGroups } from './case-run.ts'
import type { RuleCase } from './case.ts'
import { readSnapshot, valuesAs } from './snapshot.ts'
import type { Snapshot } from './snapshot.ts'

/** Tables that were there of which one transaction changes half of the rows or more. */
export async function changedInBulk(one: RuleCase, client: Client): Promise<string[]> {
  const before = await readSnapshot(client)
  const { rows: starts } = await client.query<{ start: string }>('SELECT pg_current_xact_id()::text AS start')
  await runGroups(one, client)
  const seen: string[] = []
  for (const { name, rows } of before.relations.values()) {
    const { rows: groups } = await client.query<{ rows: string }>({
      text: `SELECT count(*) AS rows FROM ${name} WHERE xmin::text::bigint > $1 GROUP BY xmin ORDER BY 1 DESC LIMIT 1`,
      values: [starts[0]?.start],
    })
    const changed = Number(groups[0]?.rows ?? 0)
    if (rows > 0 && changed * 2 >= rows) seen.push(`changes ${changed} of ${rows} rows of ${name} in one transaction`)
  }
  return seen
}

/** What was there before the migration and is not any more. */
export async function lostBy(one: RuleCase, client: Client): Promise<string[]> {
  const before = await readSnapshot(client)
  await runGroups(one, client)
  const after = await readSnapshot(client)
  return [
    ...[...before.databases].filter((name) => !after.databases.has(name)).map((name) => `the database ${name}`),
    ...[...before.others].flatMap(([oid, name]) => (after.others.has(oid) ? [] : [name])),
    ...(await lostData(before, after, client)),
  ]
}

async function lostData(before: Snapshot, after: Snapshot, client: Client): Promise<string[]> {
  const seen: string[] = []
  for (const [oid, was] of before.relations) {
    const is = after.relations.get(oid)
    if (is === undefined) {
      seen.push(was.name)
      continue
    }
    if (is.rows < was.rows) seen.push(`${was.rows - is.rows} rows of ${was.name}`)
    for (const [number, column] of was.columns) {
      const now = is.columns.get(number)
      if (now === undefined) seen.push(`${was.name}.${column.name}`)
      else if (was.kind !== 'v' && is.rows === was.rows) {
        const values = await valuesAs(client, is.name, now.name, column.type)
        if (values !== column.values) seen.push(`values of ${was.name}.${column.name}`)
      }
    }
  }
  return seen
}
