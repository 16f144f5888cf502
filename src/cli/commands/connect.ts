import { exitCodes } from '../../errors.ts'
import type { Session } from '../../postgres/connect/connect.ts'
import type { ResolvedConnection } from '../../postgres/connect/resolve.ts'
import { printable } from '../../sql/printable.ts'
import { redactText } from '../../sql/redact.ts'
import { defineCommand } from '../command.ts'
import type { Terminal } from '../terminal/terminal.ts'

const mask = '********'

export const connectCommand = defineCommand({
  name: 'connect',
  summary: 'Connect as psql would, and show which server it is',
  description:
    'Finds the server as psql does: --url, else KEI_DATABASE_URL, else DATABASE_URL, then PGSERVICE, the PG* ' +
    'variables and the password file. Connects, shows which server it is, and changes nothing.\n\n' +
    'Exit code: 0 connected, 2 wrong usage, 3 the server cannot be reached or refuses the session.',
  arguments: [],
  options: [
    { flags: '--url <url>', description: 'A connection URL (postgresql://…) or host=… dbname=…' },
    { flags: '--explain', description: 'Show each parameter and where it comes from; do not connect' },
    { flags: '--json', description: 'One JSON document' },
  ],
  examples: [
    { command: 'kei connect', says: 'what DATABASE_URL or PG* name' },
    { command: 'kei connect --explain', says: 'where each value comes from' },
    { command: 'kei connect --url "service=shop"', says: 'a service of ~/.pg_service.conf' },
  ],
  async run({ options }, { terminal, signal }) {
    const [{ resolveConnection }, { readSurroundings }] = await Promise.all([
      import('../../postgres/connect/resolve.ts'),
      import('../../postgres/connect/surroundings.ts'),
    ])
    const url = options['url'] === undefined ? undefined : String(options['url'])
    const resolved = resolveConnection(readSurroundings(url))
    for (const note of resolved.notes) terminal.err.write(`note: ${printable(note)}\n`)
    const json = options['json'] === true
    if (options['explain'] === true) {
      await explain(resolved, json, terminal)
      return exitCodes.clean
    }
    const { connect } = await import('../../postgres/connect/connect.ts')
    const session = await connect(resolved, { applicationName: 'kei/connect', signal })
    try {
      await show(session, json, terminal)
    } finally {
      await session.client.end()
    }
    return exitCodes.clean
  },
})

async function explain(resolved: ResolvedConnection, json: boolean, { out }: Terminal): Promise<void> {
  const [{ describeOrigin }, { secretKeywords }, { describeCandidate }] = await Promise.all([
    import('../../postgres/connect/origin.ts'),
    import('../../postgres/connect/keywords.ts'),
    import('../../postgres/connect/refusal.ts'),
  ])
  const parameters = resolved.parameters.map(({ keyword, value, origin }) => ({
    keyword,
    value: secretKeywords.has(keyword) ? mask : redactText(value),
    origin: describeOrigin(origin),
  }))
  const servers = resolved.candidates.map((candidate) => ({
    server: describeCandidate(candidate),
    password: candidate.passwordOrigin === undefined ? null : describeOrigin(candidate.passwordOrigin),
  }))
  if (json) {
    out.write(`${JSON.stringify({ version: 1, parameters, servers, notes: resolved.notes }, null, 2)}\n`)
    return
  }
  const rows = parameters.map(({ keyword, value, origin }) => [keyword, value, origin])
  for (const { server, password } of servers) {
    rows.push([`server ${server}`, password === null ? 'no password' : mask, password ?? ''])
  }
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const [first, second] = [width(0), width(1)]
  for (const [keyword = '', value = '', origin = ''] of rows) {
    out.write(`${printable(`${keyword.padEnd(first)}  ${value.padEnd(second)}  ${origin}`.trimEnd())}\n`)
  }
}

async function show({ server, candidate, encrypted }: Session, json: boolean, { out }: Terminal): Promise<void> {
  const { describeCandidate } = await import('../../postgres/connect/refusal.ts')
  if (json) {
    const { host, port } = candidate
    const { address = null, port: serverPort = null, systemIdentifier = null, ...rest } = server
    // A pooler or a tunnel may stand between: then the server's own address and port are others.
    const described = { host, port, encrypted, address, serverPort, ...rest, systemIdentifier }
    const document = { version: 1, server: described }
    out.write(`${JSON.stringify(document, null, 2)}\n`)
    return
  }
  const address = server.address === undefined ? '' : ` (${server.address}:${server.port})`
  const lines = [
    `PostgreSQL ${server.version}, ${server.role}${server.readOnly ? ', read-only' : ''}`,
    `  server             ${describeCandidate(candidate)}${address}`,
    `  database           ${server.database}`,
    `  user               ${server.user}`,
    `  encryption         ${encrypted ? 'TLS' : candidate.host.startsWith('/') ? 'none (unix socket)' : 'none'}`,
    `  system identifier  ${server.systemIdentifier ?? 'not visible to this user'}`,
  ]
  out.write(`${lines.map((line) => printable(line)).join('\n')}\n`)
}
