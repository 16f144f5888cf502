import { createHash, randomBytes } from 'node:crypto'
import { escapeIdentifier } from 'pg'
import { cacheFolder } from '../src/config/cache-folder.js'
import { acquireShadow } from '../src/postgres/shadow/acquire.js'
/** The majors that tests run on. */
export const majors = [16, 17, 18]
// Long enough for the next test file, too short to stand in anyone's way after the run.
process.env['KEI_SHADOW_IDLE'] ??= '30'
const shadows = new Map()
/** The server of a major that all test files share. */
export function shadowOf(major) {
  const shadow = shadows.get(major) ?? start(major)
  shadows.set(major, shadow)
  return shadow
}
async function start(major) {
  const shadow = await acquireShadow({ major, project: 'the tests of kei', cacheFolder: cacheFolder() })
  await withSession(shadow, 'postgres', removeDatabasesOfDeadRuns)
  return shadow
}
/**
 * Runs `work` with a superuser's session in a database of its own, which is dropped afterwards.
 * @param setup SQL that the database begins with; run once on each server, then cloned.
 */
export async function withDatabase(major, work, setup = '') {
  const shadow = await shadowOf(major)
  const database = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  await withSession(shadow, 'postgres', async (session) => {
    const template = setup === '' ? 'template1' : await templateOf(shadow, session, setup)
    await session.query(`CREATE DATABASE ${database} TEMPLATE ${template}`)
  })
  try {
    return await withSession(shadow, database, async (client) => {
      await client.query('SET search_path TO "$user", public')
      return work(client, database, shadow)
    })
  } finally {
    await withSession(shadow, 'postgres', (session) =>
      session.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`),
    )
  }
}
async function templateOf(shadow, session, setup) {
  const name = `template_${createHash('sha256').update(setup).digest('hex').slice(0, 16)}`
  const draft = `${name}_draft`
  await session.query('SELECT pg_advisory_lock(hashtext($1))', [name])
  const { rowCount } = await session.query('SELECT FROM pg_database WHERE datname = $1', [name])
  if (rowCount === 0) {
    await session.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
    await session.query(`CREATE DATABASE ${draft}`)
    await withSession(shadow, draft, async (client) => {
      await client.query('SET search_path TO "$user", public')
      await client.query(setup)
    })
    await session.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
  }
  return name
}
async function withSession(shadow, database, work) {
  const session = await shadow.connect({ database })
  try {
    return await work(session)
  } finally {
    await session.end()
  }
}
async function removeDatabasesOfDeadRuns(session) {
  const { rows } = await session.query(`SELECT datname FROM pg_database WHERE datname ~ '^test_'`)
  for (const { datname } of rows) {
    const pid = Number(datname.split('_')[1])
    if (!isRunning(pid)) await session.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(datname)} WITH (FORCE)`)
  }
}
function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
