import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { folderWith, writeFiles } from '../../test/repository.ts'
import { readSource } from './files.ts'

const isRoot = process.getuid?.() === 0

function textOf(root: string, path: string): string {
  const reading = readSource(root, path)
  if (reading.kind === 'unreadable') throw new Error(reading.file.message)
  return reading.file.text
}

describe('readSource', () => {
  it('takes off the byte order mark, reads CRLF as LF, and says that it did', () => {
    const root = folderWith({ 'a.sql': '\uFEFFSELECT 1;\r\nSELECT 2;\r\n', 'b.sql': 'SELECT 1;\rSELECT 2;\n' })
    expect(readSource(root, 'a.sql')).toEqual({
      kind: 'text',
      file: {
        path: 'a.sql',
        text: 'SELECT 1;\nSELECT 2;\n',
        normalised: { byteOrderMark: true, carriageReturns: true },
      },
    })
    expect(readSource(root, 'b.sql')).toMatchObject({
      file: { text: 'SELECT 1;\rSELECT 2;\n', normalised: { byteOrderMark: false, carriageReturns: false } },
    })
  })

  it('reads any text back as it was written', () => {
    const root = folderWith()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (written) => {
        const text = written.replaceAll('\0', '')
        writeFiles(root, { 'x.sql': text })
        expect(textOf(root, 'x.sql')).toBe(text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n'))
      }),
      { numRuns: 200 },
    )
  })

  it('reads an empty file', () => {
    expect(textOf(folderWith({ 'x.sql': '' }), 'x.sql')).toBe('')
  })

  it.each([
    ['a Latin-1 letter', Buffer.from('SELECT 1;\n-- caf\xe9\n', 'latin1'), '0xE9 at offset 16, line 2', 2],
    ['a sequence cut short', Buffer.from([0x61, 0xe2, 0x82]), '0xE2 at offset 1, line 1', 1],
    ['an encoded surrogate', Buffer.from([0x0a, 0xed, 0xa0, 0x80]), '0xED at offset 1, line 2', 2],
    ['what follows a real U+FFFD', Buffer.from([0xef, 0xbf, 0xbd, 0x0a, 0x80]), '0x80 at offset 4, line 2', 2],
    ['what follows a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x0a, 0xff]), '0xFF at offset 4, line 2', 2],
  ])('says where %s is not UTF-8', (_, content, place, line) => {
    const reading = readSource(folderWith({ 'x.sql': content }), 'x.sql')
    expect(reading).toMatchObject({ kind: 'unreadable', file: { path: 'x.sql', code: 'invalid-utf8', line } })
    expect(reading).toHaveProperty('file.message', expect.stringContaining(place))
  })

  it('finds the first byte that is not UTF-8 wherever it stands', () => {
    const root = folderWith()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, after) => {
        const prefix = Buffer.from(`x${before}`)
        writeFiles(root, { 'x.sql': Buffer.concat([prefix, Buffer.from([0xff]), Buffer.from(after)]) })
        expect(readSource(root, 'x.sql')).toHaveProperty(
          'file.message',
          expect.stringContaining(`byte 0xFF at offset ${prefix.length},`),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('names UTF-16 for what it is', () => {
    const root = folderWith({
      'little.sql': Buffer.from('\uFEFFSELECT 1', 'utf16le'),
      'big.sql': Buffer.from('\uFEFFSELECT 1', 'utf16le').swap16(),
    })
    expect(readSource(root, 'little.sql')).toMatchObject({ file: { code: 'utf-16' } })
    expect(readSource(root, 'big.sql')).toMatchObject({ file: { code: 'utf-16' } })
  })

  it('says in which line a NUL byte stands', () => {
    const root = folderWith({ 'x.sql': 'SELECT 1;\n\n\0' })
    expect(readSource(root, 'x.sql')).toMatchObject({ file: { code: 'nul-byte', line: 3 } })
  })

  it('does not read a file above the limit, and tells both sizes', () => {
    const root = folderWith({ 'x.sql': Buffer.alloc(20 * 1024 * 1024, 32), 'y.sql': 'SELECT 1' })
    expect(readSource(root, 'x.sql')).toMatchObject({
      file: { code: 'too-large', message: 'The file has 20 MiB; files above 10 MiB are not read' },
    })
    expect(readSource(root, 'y.sql', { maxBytes: 8 })).toMatchObject({ kind: 'text' })
    expect(readSource(root, 'y.sql', { maxBytes: 7 })).toMatchObject({ kind: 'unreadable' })
  })

  it('follows a symbolic link within the repository and none that leads out of it', () => {
    const secret = folderWith({ 'x.sql': 'SELECT 1' })
    const root = folderWith({ 'real/x.sql': 'SELECT 2' })
    symlinkSync('real/x.sql', join(root, 'inside.sql'))
    symlinkSync(join(secret, 'x.sql'), join(root, 'outside.sql'))
    symlinkSync('gone.sql', join(root, 'nowhere.sql'))
    symlinkSync('loop.sql', join(root, 'loop.sql'))
    expect(textOf(root, 'inside.sql')).toBe('SELECT 2')
    expect(readSource(root, 'outside.sql')).toMatchObject({ file: { code: 'outside-repository' } })
    expect(readSource(root, 'nowhere.sql')).toMatchObject({ file: { code: 'not-found' } })
    expect(readSource(root, 'loop.sql')).toMatchObject({ file: { code: 'read-error' } })
    expect(readSource(root, 'missing.sql')).toMatchObject({ file: { code: 'not-found' } })
  })

  it('does not take a sibling whose name begins alike for the repository', () => {
    const outer = folderWith({ 'repo-secret/x.sql': 'SELECT 1', 'repo/y.sql': '' })
    symlinkSync('../repo-secret/x.sql', join(outer, 'repo', 'x.sql'))
    expect(readSource(join(outer, 'repo'), 'x.sql')).toMatchObject({ file: { code: 'outside-repository' } })
  })

  it('reads neither a folder nor a device nor a pipe, and does not wait for one', () => {
    const root = folderWith()
    mkdirSync(join(root, 'folder.sql'))
    execFileSync('mkfifo', [join(root, 'pipe.sql')])
    expect(readSource(root, 'folder.sql')).toMatchObject({ file: { code: 'not-a-regular-file' } })
    expect(readSource(root, 'pipe.sql')).toMatchObject({ file: { code: 'not-a-regular-file' } })
    expect(readSource('/dev', 'zero')).toMatchObject({ file: { code: 'not-a-regular-file' } })
  })

  it('says that it may not read a file', (context) => {
    if (isRoot) context.skip('root may read every file and has a cache of its own')
    const root = folderWith({ 'x.sql': '' })
    chmodSync(join(root, 'x.sql'), 0)
    expect(readSource(root, 'x.sql')).toMatchObject({ file: { code: 'permission-denied' } })
  })
})
