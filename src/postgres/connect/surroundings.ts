import { readFileSync, statSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import type { FileState, Surroundings } from './gather.ts'

/** This process's own surroundings; files are read when they are asked for. */
export function readSurroundings(): Surroundings {
  return {
    environment: process.env,
    operatingSystemUser: userName(),
    homeDirectory: process.env['HOME'] || homedir(),
    file: fileState,
  }
}

/** A container's account may have no name; libpq fails then, here the server says what is missing. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env['USER'] ?? ''
  }
}

function fileState(path: string): FileState {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) return { kind: 'unreadable', reason: 'is not a plain file' }
    return { kind: 'text', text: readFileSync(path, 'utf8'), openToOthers: (stat.mode & 0o077) !== 0 }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unreadable', reason: `cannot be read (${String(code)})` }
  }
}
