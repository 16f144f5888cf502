import { mkdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { readingOf } from './run-place.ts'
import type { Message, RunPlace } from './run-place.ts'
import { bindParameters, queryText, splitMessages, statementText } from './wire-protocol.ts'

/** A moment of a run: the server does not have the message yet, or has answered it and nobody heard. */
export interface Moment {
  message: Message
  side: 'before' | 'after'
}

/** A Flush message. */
const flush = Buffer.from([0x48, 0, 0, 0, 4])

/** Stands between a runner and a server, reads along, and stops the traffic at one moment. */
export interface MessageGate {
  socketDirectory: string
  /** What was let through so far. */
  messages: readonly Message[]
  /** Resolves when the moment has come: nothing passes in its session any more. */
  reached: Promise<Message>
  /** Cuts all connections and takes no new ones. */
  close(): Promise<void>
}

/**
 * Opens a gate on a unix socket in `folder`, which is made. A session through it is with the server's own process: its
 * greeting passes as it is.
 * @param place How far the history is.
 * @param moment None: everything passes.
 */
export async function openGate(
  folder: string,
  server: { socketDirectory: string; port: number },
  place: RunPlace,
  moment?: Moment,
): Promise<MessageGate> {
  mkdirSync(folder, { mode: 0o711 })
  const messages: Message[] = []
  const sockets = new Set<Socket>()
  const read = readingOf(place)
  let sessions = 0
  let reach: (message: Message) => void = () => undefined
  const reached = new Promise<Message>((resolve) => (reach = resolve))
  const isMoment = ({ place, number }: Message) =>
    moment !== undefined && place === moment.message.place && number === moment.message.number

  const listener = createServer((client) => {
    const upstream = connect(join(server.socketDirectory, `.s.PGSQL.${server.port}`))
    const session = ++sessions
    let text = ''
    let parameters: (string | null)[] = []
    let sent: Message | undefined
    let held: Message | undefined
    // An answer ends with ReadyForQuery; the first one ends the greeting.
    let asked = 1
    let answered = 0
    let unheard = Infinity
    // Of the pipeline that has no Sync yet.
    let unfinished = 0

    const fromClient = splitMessages('startup', (type, bytes) => {
      if (held !== undefined) return
      if (type === 'P') text = statementText(bytes)
      if (type === 'B') parameters = bindParameters(bytes)
      if (type === 'Q' || type === 'E') {
        sent = read(session, type === 'Q' ? queryText(bytes) : text, type === 'Q' ? [] : parameters)
        if (isMoment(sent) && moment?.side === 'before') {
          held = sent
          // What came before it in the pipeline is to be done, which its answers show.
          if (unfinished === 0) reach(sent)
          else upstream.write(flush)
          return
        }
        messages.push(sent)
        if (type === 'E') unfinished += 1
      }
      if ((type === 'Q' || type === 'S') && sent !== undefined) {
        asked += 1
        unfinished = 0
        sent.awaited = true
        if (isMoment(sent)) {
          held = sent
          unheard = asked
        }
      }
      upstream.write(bytes)
    })
    const fromServer = splitMessages('typed', (type, bytes) => {
      // What comes after the answer before is this one's.
      const isHeard = held === undefined || (unheard < Infinity && answered < unheard - 1)
      if (isHeard) client.write(bytes)
      if (type === 'Z') answered += 1
      if (held === undefined) return
      if (unheard === Infinity && 'CIE'.includes(type) && (--unfinished === 0 || type === 'E')) reach(held)
      if (answered === unheard) reach(held)
    })

    client.on('data', fromClient)
    upstream.on('data', fromServer)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(join(folder, `.s.PGSQL.${server.port}`), resolve))
  return {
    socketDirectory: folder,
    messages,
    reached,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => listener.close(() => resolve()))
    },
  }
}
