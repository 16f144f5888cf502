import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { shadowOf } from '../../test/postgres.ts'
import { migrationsOf, newFolder } from '../../test/trace.ts'
import { cacheFolder } from '../config/cache-folder.ts'
import { traceOnShadow } from './shadow-run.ts'
import { planStubs } from './stubs.ts'
import { statementsOf } from './trace-request.ts'

test('a history whose kept state can never be copied is traced all the same', async () => {
  const migrations = await migrationsOf({ '1.sql': 'create table a (x int)', '2.sql': 'create table b (x int)' })
  const request = {
    major: 17,
    project: 'the tests of kei',
    cacheFolder: cacheFolder(),
    folder: newFolder(),
    layout: 'kei',
    migrations,
    checkpoint: 1,
  }
  const texts = migrations.map(({ text }) => text)
  const stubs = planStubs('kei', texts, migrations.flatMap(statementsOf))
  const chain = [0, 1, 2].map(() => randomBytes(32).toString('hex'))

  // PostgreSQL copies no database that a session is using.
  const template = `kei_template_${chain[1]?.slice(0, 40)}`
  const shadow = await shadowOf(17)
  const admin = await shadow.connect({ database: 'postgres' })
  await admin.query(`create database ${template}`)
  // As if used last, so that no run removes it as too many.
  await admin.query(`comment on database ${template} is '9999'`)
  const user = await shadow.connect({ database: template })
  try {
    const run = await traceOnShadow({ request, stubs, settings: {}, chain, known: 0 }, new Map(), async () => undefined)
    expect(run.catalog.relations.map(({ name }) => name)).toEqual(['public.a', 'public.b'])
    expect([...run.files.keys()]).toEqual(chain.slice(1))
  } finally {
    await user.end()
    await admin.query(`drop database if exists ${template} with (force)`)
    await admin.query(`drop database if exists kei_template_${chain[2]?.slice(0, 40)} with (force)`)
    await admin.end()
  }
})
