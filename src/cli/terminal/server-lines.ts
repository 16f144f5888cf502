import type { Session } from '../../postgres/connect/connect.ts'
import { describeCandidate } from '../../postgres/connect/refusal.ts'
import { printable } from '../../sql/printable.ts'

/** Which server a session is with, for a person: lines that are safe to print. */
export function serverLines({ server, candidate, encrypted }: Session): string[] {
  // A pooler or a tunnel may stand between: then the server's own address and port are others.
  const address = server.address === undefined ? '' : ` (${server.address}:${server.port})`
  return [
    `PostgreSQL ${server.version}, ${server.role}${server.readOnly ? ', read-only' : ''}`,
    `  server             ${describeCandidate(candidate)}${address}`,
    `  database           ${server.database}`,
    `  user               ${server.user}`,
    `  encryption         ${encrypted ? 'TLS' : candidate.host.startsWith('/') ? 'none (unix socket)' : 'none'}`,
    `  system identifier  ${server.systemIdentifier ?? 'not visible to this user'}`,
  ].map(printable)
}
