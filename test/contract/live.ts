import { Client, escapeIdentifier, escapeLiteral } from 'pg'
import { judge } from '../../src/check/judge.ts'
import type { Judgement } from '../../src/check/judge.ts'
import { historySubject, parseFolder } from '../../src/check/read-folder.ts'
import { enableRules } from '../../src/check/rule-settings.ts'
import type { Database } from '../../src/findings/database.ts'
import type { Finding } from '../../src/findings/finding.ts'
import { resolveConnection } from '../../src/postgres/connect/resolve.ts'
import { readSurroundings } from '../../src/postgres/connect/surroundings.ts'
import type { Major, Rule, RuleExample } from '../../src/rules/rule.ts'
import { readDatabase } from '../../src/sources/database/read.ts'
import { loadParser } from '../../src/sql/parse.ts'
import { serverOf } from '../migrate/server.ts'
import type { TestServer } from '../migrate/server.ts'
import { folderOf, migrationsOf } from './examples.ts'

/** The database that an example's SQL runs in, and the name of its session. */
const name = 'example'
const today = new Date().toISOString().slice(0, 10)
const parser = await loadParser()

/**
 * What a rule about a database finds once the SQL of an example has run, statement by statement in one session that is
 * still open, on a server as users have them. What it finds of the server's other databases is left out.
 */
export async function findInDatabase(
  rule: Rule,
  example: RuleExample,
  sql: RuleExample['bad'],
  major: Major,
): Promise<Finding[]> {
  const database = await databaseAfter(
    migrationsOf(example, sql).map(({ text }) => text),
    major,
  )
  const rules = enableRules([rule], { [rule.id]: { ...example.options } })
  const { findings } = judge(
    {
      histories: [],
      surroundings: [{ kind: 'database', subject: database }],
      unreadable: [],
      ignores: [],
      released: new Set(),
    },
    rules,
    { major, today: '2026-11-23', all: true, knownRules: [rule.id] },
  )
  return findings.filter(
    ({ location }) => location.kind !== 'object' || location.objectType !== 'database' || location.name === name,
  )
}

/** What a rule about files finds in an example's files and, once they have run, in the database that they leave. */
export async function judgeWithDatabase(
  rule: Rule,
  example: RuleExample,
  files: RuleExample['bad'],
  major: Major,
): Promise<{ withFiles: Judgement; alone: Judgement }> {
  const migrations = migrationsOf(example, files)
  const database = await databaseAfter(
    migrations.filter(({ file }) => !file.endsWith('.down.sql')).map(({ text }) => text),
    major,
  )
  const surroundings = [{ kind: 'database', subject: database }] as const
  const parsed = parseFolder(parser, folderOf(migrations))
  const rules = enableRules([rule], { [rule.id]: { ...example.options } })
  const options = { major, today, all: true, knownRules: [rule.id] }
  const nothing = { unreadable: [], ignores: [], released: new Set<string>() }
  return {
    withFiles: judge({ ...nothing, histories: [historySubject(parsed)], surroundings }, rules, options),
    alone: judge({ ...nothing, histories: [], surroundings }, rules, options),
  }
}

/** A database as `kei check --url` reads it after these texts have run. */
async function databaseAfter(texts: readonly string[], major: Major): Promise<Database> {
  const server = await serverOf(major)
  const admin = await open(server, 'postgres', 'the test')
  try {
    await admin.query(`CREATE DATABASE ${name}`)
    const session = await open(server, name, 'example')
    try {
      for (const statement of texts.flatMap(statementsOf)) {
        await session.query(statement)
        // Else what was counted shows a second later, and after what a VACUUM counts.
        await session.query('SELECT pg_stat_force_next_flush()')
      }
      return await read(server)
    } finally {
      await session.end()
    }
  } finally {
    await clean(server, admin)
    await admin.end()
  }
}

function statementsOf(text: string): string[] {
  const parsed = parser.parse(text)
  if (!('statements' in parsed)) throw new Error('an example does not parse')
  return parsed.statements.map((statement) => statement.text)
}

function read({ socketDirectory, port }: TestServer): Promise<Database> {
  const text = `host=${socketDirectory} port=${port} user=postgres dbname=${name}`
  const surroundings = { ...readSurroundings(), environment: {} }
  const resolved = resolveConnection(surroundings, { name: '--url', text, by: 'user' })
  return readDatabase(resolved, { applicationName: 'kei/check', leaveOut: [] })
}

/** Takes away the database and what SQL may leave on the whole server. */
async function clean(server: TestServer, admin: Client): Promise<void> {
  const { rows: prepared } = await admin.query<{ gid: string }>(
    `SELECT gid FROM pg_prepared_xacts WHERE database = '${name}'`,
  )
  if (prepared.length > 0) {
    const session = await open(server, name, 'the test')
    for (const { gid } of prepared) await session.query(`ROLLBACK PREPARED ${escapeLiteral(gid)}`)
    await session.end()
  }
  await admin.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  const { rows: roles } = await admin.query<{ rolname: string }>(
    `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> ALL ('{postgres,deployer}')`,
  )
  for (const { rolname } of roles) await admin.query(`DROP ROLE ${escapeIdentifier(rolname)}`)
}

async function open({ socketDirectory, port }: TestServer, database: string, application: string): Promise<Client> {
  const client = new Client({
    ...{ host: socketDirectory, port, user: 'postgres', password: 'none', ssl: false },
    ...{ database, application_name: application },
  })
  // A lost connection shows in the statement that needs it; unheard, the event would end the process.
  client.on('error', () => undefined)
  await client.connect()
  return client
}
