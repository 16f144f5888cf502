import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failure } from '../../errors.ts'
import { closedFolder, serverUser } from '../server-user.ts'

/**
 * Makes a folder of kei's own, with its parents, or takes the one that is there, and sets its mode: 0700; for root
 * 0711, since the server runs as another user that must be able to pass through but has nothing to list there.
 * @throws KeiError `folder-not-private` when somebody else owns it or it is a symbolic link.
 */
export function ownFolder(path: string): string {
  const mode = serverUser() === undefined ? 0o700 : 0o711
  mkdirSync(path, { recursive: true, mode })
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) throw notPrivate(path)
  if ((found.mode & 0o777) !== mode) chmodSync(path, mode)
  return path
}

/** Makes a folder that only the server's user may enter (0700). Fails when it exists. */
export function serverFolder(path: string): string {
  mkdirSync(path, { mode: 0o700 })
  const user = serverUser()
  if (user !== undefined) chownSync(path, user.uid, user.gid)
  return path
}

/** Folders of one running server's sockets: kei's own (`lease`) and, below it, PostgreSQL's. */
export interface SocketFolders {
  own: string
  server: string
}

/** PostgreSQL and the system allow 107 bytes for the path of a socket, macOS 103. */
const longestPath = 100

/** A new pair of socket folders with a random name in the system's folder for temporary files. */
export function makeSocketFolders(): SocketFolders {
  const name = `kei-${randomBytes(8).toString('hex')}`
  const user = serverUser()
  const root = [tmpdir(), '/tmp'].find((folder) => {
    const isShort = Buffer.byteLength(socketPath(socketFolders(join(folder, name)))) < longestPath
    return isShort && (user === undefined || closedFolder(folder, user) === undefined)
  })
  const folders = socketFolders(join(root ?? '/tmp', name))
  mkdirSync(folders.own, { mode: 0o700 })
  ownFolder(folders.own)
  serverFolder(folders.server)
  return folders
}

/** The pair that stands in kei's own folder `own`. */
export function socketFolders(own: string): SocketFolders {
  return { own, server: join(own, 's') }
}

/** Port number in the name of every shadow's socket. There is no TCP. */
export const shadowPort = 5432

/** Of the server's socket. */
export function socketPath(folders: SocketFolders): string {
  return join(folders.server, `.s.PGSQL.${shadowPort}`)
}

/** Of the watchdog's socket. */
export function leasePath(folders: SocketFolders): string {
  return join(folders.own, 'lease')
}

/**
 * Checks that nobody else can have put sockets of his own there.
 * @throws KeiError `folder-not-private`
 */
export function verifySocketFolders(folders: SocketFolders): void {
  const own = lstatSync(folders.own)
  const server = lstatSync(folders.server)
  const user = serverUser()
  const ownerMatches = own.uid === process.getuid?.() && server.uid === (user?.uid ?? own.uid)
  const modes = [own.mode & 0o777, server.mode & 0o777]
  const expected = [user === undefined ? 0o700 : 0o711, 0o700]
  const folderPair = own.isDirectory() && server.isDirectory()
  if (!folderPair || !ownerMatches || String(modes) !== String(expected)) throw notPrivate(folders.own)
}

function notPrivate(path: string): Error {
  return failure({
    code: 'folder-not-private',
    message: `${path} belongs to somebody else or is open to others, so kei does not use it.`,
    hint: 'Remove it, or set KEI_CACHE_DIR to a folder of your own.',
  })
}
