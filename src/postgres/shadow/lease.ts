import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { KeiError } from '../../errors.ts'
import type { ExitCode } from '../../errors.ts'
import type { Superuser } from './base-cluster.ts'
import { leasePath, socketFolders, verifySocketFolders } from './private-folder.ts'
import type { SocketFolders } from './private-folder.ts'
import { readWatchdogState } from './watchdog-state.ts'

/** What a running server's users need to know. */
export interface ServerAddress {
  socketDirectory: string
  superuser: Superuser
}

/** First line of a user to the watchdog. */
export interface LeaseRequest {
  /** For how long the server stays up after its last user. */
  idleSeconds: number
}

/** Lines of the watchdog to a user: progress as often as there is some, then one of the other two. */
export type LeaseAnswer =
  | { kind: 'progress'; message: string }
  | { kind: 'ready'; address: ServerAddress }
  | { kind: 'failed'; error: { code: string; message: string; hint?: string; exitCode: ExitCode } }

/** Being counted as a user of a server. The kernel ends it together with the process, however that dies. */
export interface Lease {
  address: ServerAddress
  release(): Promise<void>
}

/**
 * Asks the watchdog of a cluster for a lease and waits until its server is ready. Undefined when there is no watchdog,
 * or it went away before it answered.
 * @throws KeiError what kept the watchdog from starting the server.
 */
export async function openLease(
  clusterFolder: string,
  request: LeaseRequest,
  onProgress: (message: string) => void,
): Promise<Lease | undefined> {
  const state = readWatchdogState(clusterFolder)
  const socket = state && (await connectTo(socketFolders(state.socketFolder)))
  if (socket === undefined) return undefined
  const answer = new Promise<LeaseAnswer | undefined>((resolve) => {
    onLine(socket, (line) => {
      const received = JSON.parse(line) as LeaseAnswer
      if (received.kind === 'progress') onProgress(received.message)
      else resolve(received)
    })
    socket.on('close', () => resolve(undefined))
  })
  socket.write(`${JSON.stringify(request)}\n`)
  const received = await answer
  if (received?.kind !== 'ready') {
    socket.destroy()
    if (received?.kind === 'failed') throw new KeiError(received.error)
    return undefined
  }
  // A program that has done its work ends without having to let go.
  socket.unref()
  return {
    address: received.address,
    async release() {
      socket.destroy()
    },
  }
}

/** Undefined when nothing listens there any more. */
async function connectTo(folders: SocketFolders): Promise<Socket | undefined> {
  try {
    verifySocketFolders(folders)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return new Promise((resolve, reject) => {
    const socket = connect(leasePath(folders))
    socket.on('connect', () => resolve(socket))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) resolve(undefined)
      else reject(error)
    })
  })
}

/** Calls `listener` for every complete line that arrives. */
export function onLine(socket: Socket, listener: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(listener)
  })
}
