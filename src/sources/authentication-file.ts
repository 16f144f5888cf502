import type { Authentication } from '../findings/authentication.ts'
import { readSource } from '../project/files.ts'
import { openFolder } from '../project/folder.ts'
import type { AuthenticationFiles, UnknownFile } from './authentication/expand.ts'
import { parseAuthentication } from './authentication/parse.ts'

/**
 * A pg_hba.conf of the repository with what it includes, as a server of that major reads it. `texts` gets every file
 * that was read. A file outside the repository, or one that is no UTF-8, is `unread`.
 */
export function readAuthenticationFile(
  root: string,
  path: string,
  texts: Map<string, string>,
  major: number,
): Authentication {
  const reading = readSource(root, path)
  if (reading.kind === 'unreadable') {
    const at = { file: path, text: '', span: { start: 0, end: 0 } }
    return { from: 'file', records: [], faults: [], unread: [{ at, needs: unreadable(path).needs }] }
  }
  const { text, normalised } = reading.file
  texts.set(path, text)
  const authentication = parseAuthentication(path, text, repositoryFiles(root, texts), major)
  if (!normalised.byteOrderMark) return authentication
  const mark = {
    at: { file: path, text, span: { start: 0, end: 0 } },
    message: 'invalid connection type: the file begins with a byte order mark, which the server takes for text',
  }
  return { ...authentication, faults: [mark, ...authentication.faults] }
}

function repositoryFiles(root: string, texts: Map<string, string>): AuthenticationFiles {
  return {
    read(path) {
      if (isOutside(path)) return outside(path)
      const known = texts.get(path)
      if (known !== undefined) return { kind: 'text', text: known }
      const reading = readSource(root, path)
      if (reading.kind === 'text') {
        texts.set(path, reading.file.text)
        return { kind: 'text', text: reading.file.text }
      }
      if (reading.file.code === 'not-found') return { kind: 'missing' }
      // The server opens a folder without complaint and reads nothing from it.
      return reading.file.code === 'not-a-regular-file' ? { kind: 'text', text: '' } : unreadable(path)
    },
    list(path) {
      if (isOutside(path)) return outside(path)
      const folder = openFolder(root, path)
      return folder === undefined ? { kind: 'missing' } : { kind: 'names', names: folder.files }
    },
  }
}

function isOutside(path: string): boolean {
  return path.startsWith('/') || path === '..' || path.startsWith('../')
}

function outside(path: string): UnknownFile {
  return { kind: 'unknown', needs: `${path}, which lies outside the repository` }
}

function unreadable(path: string): UnknownFile {
  return { kind: 'unknown', needs: `${path} as a text in UTF-8 that can be read` }
}
