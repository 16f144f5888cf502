import pg from 'pg'
import type { Client, Connection, QueryConfig } from 'pg'

/** A statement to be sent in a pipeline. */
export interface Sent {
  text: string
  values?: unknown[]
  /** Whether its rows are kept; otherwise they are thrown away as they come. */
  rows?: true
}

/** What the server answered to a statement. */
export interface Answer {
  /** The first word of the command tag: `COMMIT`, `INSERT`; empty for an empty statement. */
  command: string
  rows: Record<string, unknown>[]
}

/**
 * How a pipeline ended.
 * - `refused`: the server refused statement number `at` (0-based) and, by the protocol, ran none of those behind it.
 * - `lost`: the connection was lost with statement number `at` unanswered; that and those behind it may have run.
 */
export type PipelineEnd =
  | { kind: 'done'; answers: Answer[] }
  | { kind: 'refused'; at: number; error: pg.DatabaseError; answers: Answer[] }
  | { kind: 'lost'; at: number; error: Error; answers: Answer[] }

/** Statements that go out in one write. */
const partsAtOnce = 16

/**
 * Sends the statements at once with one Sync behind them, and reads their answers: one round trip. After the first
 * that fails the server skips the rest, whether a transaction is open or not: what stands behind a BEGIN that fails
 * does not run by itself, which it would as a query of its own. Each is a message of its own, so its text may be only
 * one statement.
 * Source: PostgreSQL manual, "Message Flow", section "Pipelining".
 */
export function sendPipeline(client: Client, statements: readonly Sent[]): Promise<PipelineEnd> {
  return new Promise((resolve) => {
    // Of those whose rows are kept; the others, of which a file may have many, are forgotten once they are sent.
    const kept = new Map<number, Part>()
    const answers: Answer[] = []
    const current = () => kept.get(answers.length)
    let sentBy: Connection | undefined
    const query = Object.assign(new pg.Query({ text: '' }), {
      submit(connection: Connection) {
        sentBy = connection
        const unsynced = withoutSync(connection)
        connection.stream.cork()
        for (const [index, statement] of statements.entries()) {
          const part = partOf(statement)
          if (statement.rows === true) kept.set(index, part)
          part.submit(unsynced)
          if (index % partsAtOnce !== partsAtOnce - 1) continue
          // The server begins with these while the others are still being written.
          connection.stream.uncork()
          connection.stream.cork()
        }
        connection.sync()
        connection.stream.uncork()
        return null
      },
      handleRowDescription(message: unknown) {
        current()?.handleRowDescription(message)
      },
      handleDataRow(message: unknown) {
        current()?.handleDataRow(message)
      },
      handleCommandComplete(message: { text: string }) {
        answers.push({
          command: message.text.split(' ')[0] ?? '',
          rows: current()?._result.rows ?? [],
        })
      },
      handleEmptyQuery() {
        answers.push({ command: '', rows: [] })
      },
      handleReadyForQuery() {
        resolve({ kind: 'done', answers })
      },
      handleError(error: Error) {
        const at = answers.length
        const lost = () => resolve({ kind: 'lost', at, error, answers })
        if (!(error instanceof pg.DatabaseError)) return lost()
        // Neither its severity, which is translated, nor its SQLSTATE, which a function may raise, tells whether the
        // session goes on. What the server does next does.
        const connection = sentBy
        connection?.once('end', lost)
        connection?.once('readyForQuery', () => {
          connection.removeListener('end', lost)
          resolve({ kind: 'refused', at, error, answers })
        })
      },
    })
    client.query(query)
  })
}

/** What pg's own queries have for pg's client, besides what its types tell. */
interface Part {
  submit(connection: Connection): Error | null
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  _result: { rows: Record<string, unknown>[] }
}

function partOf({ text, values = [] }: Sent): Part {
  const config: QueryConfig & { queryMode: 'extended' } = { text, values, queryMode: 'extended' }
  return new pg.Query(config) as unknown as Part
}

/** The connection as a query of pg's sees it that is to leave the Sync to the pipeline. */
function withoutSync(connection: Connection): Connection {
  return Object.create(connection, { sync: { value: () => undefined } }) as Connection
}
