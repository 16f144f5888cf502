import { expect, test } from 'vitest'
import { migrationsOf, newFolder } from '../../test/trace.ts'
import { cacheFolder } from '../config/cache-folder.ts'
import { noLostNames } from './lost-names.ts'
import { runFile } from './run-file.ts'
import { planStubs } from './stubs.ts'
import { statementsOf } from './trace-request.ts'
import { openWorkplace } from './workplace.ts'

test('a session that is lost before an UPDATE fails that statement', async () => {
  const statements = (await migrationsOf({ '1.sql': 'update a set x = 1' })).flatMap(statementsOf)
  const stubs = planStubs('kei', ['update a set x = 1'], statements)
  const workplace = await openWorkplace({
    major: 17,
    project: 'the tests of kei',
    folder: newFolder(),
    cacheFolder: cacheFolder(),
    stubs,
    setup: ['create table a (x int)'],
    settings: {},
    limits: {},
  })
  try {
    const database = await workplace.databases.create(workplace.owner)
    const sessions = await workplace.open(database, { empty: true })
    await sessions.superuser.query('select pg_terminate_backend($1, 5000)', [sessions.session.pid])
    const file = { mode: 'grouped' as const, statements, at: () => ({ file: '1.sql', line: 1 }) }
    const run = await runFile(file, {
      ...sessions,
      extensions: stubs.extensions,
      lost: noLostNames(),
      signal: undefined,
    })
    expect(run.traces).toMatchObject([{ status: 'failed', cause: expect.stringMatching(/^its effects could not/) }])
    await sessions.end()
    await workplace.databases.drop(database)
  } finally {
    await workplace.close()
  }
})
