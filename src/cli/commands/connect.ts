import { exitCodes } from '../../errors.ts'
import type { Session } from '../../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../../postgres/connect/resolve.ts'
import type { ResolvedTarget } from '../../postgres/connect/target.ts'
import { printable } from '../../sql/printable.ts'
import { redactText } from '../../sql/redact.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { findTarget, targetOptions } from '../target.ts'
import { serverLines } from '../terminal/server-lines.ts'
import type { Output } from '../terminal/terminal.ts'

const mask = '********'

export const connectCommand = defineCommand({
  name: 'connect',
  summary: 'Connect as psql would, and show which server it is',
  description:
    'Finds the server as psql does: --url, else --target, else KEI_DATABASE_URL, else DATABASE_URL, then PGSERVICE, ' +
    'the PG* variables and the password file. Connects, shows which server it is, and changes nothing. Where there is ' +
    'a direct connection beside one through a pooler (--direct-url, directUrl of the target, else ' +
    'KEI_DIRECT_DATABASE_URL), it is shown too, once it is sure to lead to the same database.\n\n' +
    'A target of kei.jsonc gets no password or certificate of yours unless its host is one that your own PG* ' +
    'variables, DATABASE_URL, service or password file name.\n\n' +
    'Exit code: 0 connected, 2 wrong usage, 3 the server cannot be reached or refuses the session.',
  arguments: [],
  options: [
    ...targetOptions,
    { flags: '--explain', description: 'Show each parameter and where it comes from; do not connect' },
    { flags: '--json', description: 'One JSON document' },
  ],
  examples: [
    { command: 'kei connect', says: 'what DATABASE_URL or PG* name' },
    { command: 'kei connect --explain', says: 'where each value comes from' },
    { command: 'kei connect --url "service=shop"', says: 'a service of ~/.pg_service.conf' },
    { command: 'kei connect --target prod', says: 'a target of kei.jsonc' },
  ],
  async run({ options }, context) {
    const target = await findTarget(options, context)
    const { out, err } = context.terminal
    for (const note of target.notes) err.write(`note: ${printable(note)}\n`)
    const json = options['json'] === true
    if (options['explain'] === true) await explain(target, json, out)
    else await showServers(target, json, context)
    return exitCodes.clean
  },
})

/** One way to the database, without secrets. */
interface Explained {
  parameters: { keyword: string; value: string; origin: string }[]
  servers: { server: string; password: string | null }[]
}

async function explain(target: ResolvedTarget, json: boolean, out: Output): Promise<void> {
  const connection = await explainConnection(target.connection)
  const direct = target.direct && (await explainConnection(target.direct))
  if (json) {
    const document = { ...named(target), ...connection, ...(direct !== undefined && { direct }), notes: target.notes }
    out.write(`${JSON.stringify({ version: 1, ...document }, null, 2)}\n`)
    return
  }
  if (target.name !== undefined) out.write(`${titleOf(target)}\n`)
  out.write(tableOf(connection))
  if (direct !== undefined) out.write(`direct connection\n${tableOf(direct)}`)
}

async function explainConnection({ parameters, candidates }: ResolvedConnection): Promise<Explained> {
  const [{ describeOrigin }, { secretKeywords }, { describeCandidate }] = await Promise.all([
    import('../../postgres/connect/origin.ts'),
    import('../../postgres/connect/keywords.ts'),
    import('../../postgres/connect/refusal.ts'),
  ])
  return {
    parameters: parameters.map(({ keyword, value, origin }) => ({
      keyword,
      value: secretKeywords.has(keyword) ? mask : redactText(value),
      origin: describeOrigin(origin),
    })),
    servers: candidates.map((candidate) => ({
      server: describeCandidate(candidate),
      password: candidate.passwordOrigin === undefined ? null : describeOrigin(candidate.passwordOrigin),
    })),
  }
}

function tableOf({ parameters, servers }: Explained): string {
  const rows = parameters.map(({ keyword, value, origin }) => [keyword, value, origin])
  for (const { server, password } of servers) {
    rows.push([`server ${server}`, password === null ? 'no password' : mask, password ?? ''])
  }
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const [first, second] = [width(0), width(1)]
  return rows
    .map(([keyword = '', value = '', origin = '']) =>
      printable(`${keyword.padEnd(first)}  ${value.padEnd(second)}  ${origin}`.trimEnd()),
    )
    .map((line) => `${line}\n`)
    .join('')
}

async function showServers(target: ResolvedTarget, json: boolean, { terminal, signal }: CommandContext): Promise<void> {
  const [{ connect }, { connectDirect }] = await Promise.all([
    import('../../postgres/connect/connect.ts'),
    import('../../postgres/connect/direct.ts'),
  ])
  const options = { applicationName: 'kei/connect', signal }
  const session = await connect(target.connection, options)
  try {
    const direct = target.direct && (await connectDirect(target.direct, session, options))
    await direct?.client.end()
    show(target, session, direct, json, terminal.out)
  } finally {
    await session.client.end()
  }
}

function show(target: ResolvedTarget, session: Session, direct: Session | undefined, json: boolean, out: Output): void {
  if (json) {
    const server = documentOf(session)
    const document = { ...named(target), server, ...(direct !== undefined && { direct: documentOf(direct) }) }
    out.write(`${JSON.stringify({ version: 1, ...document }, null, 2)}\n`)
    return
  }
  const lines = [
    ...(target.name === undefined ? [] : [titleOf(target)]),
    ...serverLines(session),
    ...(direct === undefined ? [] : ['direct connection, to the same database', ...serverLines(direct)]),
  ]
  out.write(`${lines.join('\n')}\n`)
}

function documentOf({ server, candidate, encrypted }: Session): Record<string, unknown> {
  const { host, port } = candidate
  const { address = null, port: serverPort = null, systemIdentifier = null, ...rest } = server
  return { host, port, encrypted, address, serverPort, ...rest, systemIdentifier }
}

function named({ name, production }: ResolvedTarget): { target?: { name: string; production: boolean } } {
  return name === undefined ? {} : { target: { name, production } }
}

function titleOf({ name, production }: ResolvedTarget): string {
  return `target ${name}${production ? ', production' : ''}`
}
