import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest path of a socket's folder: the name of the socket adds 15 to 20 of the 103 bytes that macOS allows. */
const longestFolder = 80

/** Where the parts of a project's development server are. `folder` belongs to kei, `server` to the server's user. */
export function developmentPlaces(projectFolder: string) {
  const folder = join(projectFolder, '.kei', 'pg')
  const server = join(folder, 'server')
  const beside = join(server, 'socket')
  const hash = createHash('sha256').update(projectFolder).digest('hex').slice(0, 16)
  return {
    kei: join(projectFolder, '.kei'),
    folder,
    server,
    dataDirectory: join(server, 'data'),
    log: join(server, 'log'),
    /** Included by postgresql.conf of the data directory. Not in it, since root writes it and the server could not. */
    settingsFile: join(folder, 'kei.conf'),
    /** Password of the superuser for TCP, 0600. */
    passwordFile: join(folder, 'password'),
    /** Beside the data, where its path is short enough for a socket. */
    socketDirectory: Buffer.byteLength(beside) <= longestFolder ? beside : join(tmpdir(), `kei-pg-${hash}`),
    hash,
  }
}

export type DevelopmentPlaces = ReturnType<typeof developmentPlaces>
