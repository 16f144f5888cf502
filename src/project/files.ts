import { Buffer, isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { isWithin } from '../config/within.ts'
import type { UnreadableFile } from './migration-file.ts'

/** A text file of the repository as kei reads it: UTF-8, byte order mark off, CRLF as LF. */
export interface SourceFile {
  /** Relative to the repository, `/` as separator. */
  path: string
  text: string
  /** What was taken away; an edit puts it back. */
  normalised: { byteOrderMark: boolean; carriageReturns: boolean }
}

export type FileReading = { kind: 'text'; file: SourceFile } | { kind: 'unreadable'; file: UnreadableFile }

const mebibyte = 1024 * 1024
/** A larger file is not read: 10 MiB. */
export const maxFileBytes = 10 * mebibyte

export interface ReadOptions {
  /** A larger file is not read. Default: 10 MiB. */
  maxBytes?: number
  /** A listing of the folder showed that it is a regular file. Default: it is asked. */
  isRegular?: boolean
  /** Bytes that it refuses are not decoded; their code is `not-wanted`. Default: all are wanted. */
  isWanted?: (bytes: Buffer) => boolean
}

/**
 * Reads one file of the repository. `root` is the repository's real path; `path` is relative to it.
 * Never throws for what it finds on the disk; `unreadable` has one of these codes: `too-large`, `invalid-utf8`,
 * `utf-16`, `nul-byte`, `not-a-regular-file`, `outside-repository`, `not-found`, `permission-denied`, `read-error`.
 */
export function readSource(
  root: string,
  path: string,
  { maxBytes = maxFileBytes, isRegular = false, isWanted }: ReadOptions = {},
): FileReading {
  const unreadable = (code: string, message: string) => unreadableFile(path, code, message)

  let bytes: Buffer
  let descriptor: number | undefined
  try {
    descriptor = openInside(root, `${root}/${path}`)
    if (descriptor === undefined) {
      return unreadable('outside-repository', 'The file is a symbolic link that leads out of the repository')
    }
    const small = isRegular ? readSmall(descriptor) : undefined
    if (small === undefined) {
      const entry = fstatSync(descriptor)
      if (!entry.isFile()) return unreadable('not-a-regular-file', 'This is not a regular file')
      if (entry.size > maxBytes) {
        return unreadable(
          'too-large',
          `The file has ${inMebibytes(entry.size)}; files above ${inMebibytes(maxBytes)} are not read`,
        )
      }
      bytes = readWhole(descriptor, entry.size)
    } else {
      bytes = small
    }
  } catch (error) {
    return unreadable(...describeSystemError(error as NodeJS.ErrnoException))
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }

  if (isWanted?.(bytes) === false) return unreadable('not-wanted', 'Nothing in the file is asked for')
  return decodeSource(path, bytes)
}

/** The text that a file of these bytes has; `unreadable` as `readSource` says. */
export function decodeSource(path: string, bytes: Buffer): FileReading {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return unreadableFile(path, 'utf-16', 'The file is UTF-16 by its byte order mark; save it as UTF-8', 1)
  }
  const decoded = bytes.toString('utf8')
  if (!isUtf8(bytes)) {
    const { offset, line } = firstInvalid(bytes, decoded)
    return unreadableFile(
      path,
      'invalid-utf8',
      `The file is not UTF-8: byte 0x${hexadecimal(bytes[offset])} at offset ${offset}, line ${line}; save it as UTF-8`,
      line,
    )
  }
  const nul = decoded.indexOf('\0')
  if (nul !== -1) {
    const line = lineOf(decoded, nul)
    return unreadableFile(
      path,
      'nul-byte',
      `The file has a NUL byte in line ${line}, which PostgreSQL does not take in a statement`,
      line,
    )
  }
  const byteOrderMark = decoded.startsWith('\uFEFF')
  const carriageReturns = decoded.includes('\r\n')
  let text = byteOrderMark ? decoded.slice(1) : decoded
  if (carriageReturns) text = text.replaceAll('\r\n', '\n')
  return { kind: 'text', file: { path, text, normalised: { byteOrderMark, carriageReturns } } }
}

/** The bytes of a file of the repository; undefined where `readSource` would not read them either. */
export function readBytes(root: string, path: string): Uint8Array | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openInside(root, `${root}/${path}`)
    if (descriptor === undefined) return undefined
    const entry = fstatSync(descriptor)
    // A copy: the buffer is reused.
    return entry.isFile() && entry.size <= maxFileBytes ? Uint8Array.from(readWhole(descriptor, entry.size)) : undefined
  } catch {
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function unreadableFile(path: string, code: string, message: string, line?: number): FileReading {
  return { kind: 'unreadable', file: { path, code, message, ...(line !== undefined && { line }) } }
}

/**
 * Opens without waiting for the other end of a pipe. A symbolic link is followed only within the repository;
 * undefined when it leads out.
 */
function openInside(root: string, path: string): number | undefined {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
  try {
    return openSync(path, flags)
  } catch (error) {
    // ELOOP is a symbolic link at the end of the path (FreeBSD says EMLINK).
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ELOOP' && code !== 'EMLINK') throw error
    const real = realpathSync(path)
    return isWithin(root, real) ? openSync(real, flags) : undefined
  }
}

/** Reused from file to file: most are small, and a folder can have thousands. What is read is decoded at once. */
let buffer = Buffer.allocUnsafe(64 * 1024)

/** The bytes of a file that is smaller than the buffer, without asking for its size first; undefined of any other. */
function readSmall(descriptor: number): Buffer | undefined {
  const length = readSync(descriptor, buffer, 0, buffer.length, 0)
  return length < buffer.length ? buffer.subarray(0, length) : undefined
}

/** The file's bytes, at most `size` of them: one that grows meanwhile is read as it was. */
function readWhole(descriptor: number, size: number): Buffer {
  if (buffer.length < size) buffer = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const read = readSync(descriptor, buffer, length, size - length, length)
    if (read === 0) break
    length += read
  }
  return buffer.subarray(0, length)
}

function describeSystemError(error: NodeJS.ErrnoException): [code: string, message: string] {
  switch (error.code) {
    case 'ENOENT':
      return ['not-found', 'The file is not there, or is a symbolic link that leads nowhere']
    case 'EACCES':
    case 'EPERM':
      return ['permission-denied', 'The file cannot be read: permission denied']
    // A socket cannot be opened, nor a device without a driver.
    case 'ENXIO':
      return ['not-a-regular-file', 'This is not a regular file']
    default:
      return ['read-error', `The file cannot be read: ${error.message}`]
  }
}

/** Decoding puts U+FFFD for what is not UTF-8; the first one that does not stand in the bytes is the place. */
function firstInvalid(bytes: Buffer, decoded: string): { offset: number; line: number } {
  let offset = 0
  let from = 0
  for (let at = decoded.indexOf('\uFFFD'); at !== -1; at = decoded.indexOf('\uFFFD', at + 1)) {
    offset += Buffer.byteLength(decoded.slice(from, at))
    from = at
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) {
      return { offset, line: lineOf(decoded, at) }
    }
  }
  throw new RangeError('the bytes are UTF-8')
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(1).replace(/\.0$/, '')} MiB`
}

function hexadecimal(byte: number | undefined): string {
  return (byte ?? 0).toString(16).padStart(2, '0').toUpperCase()
}
