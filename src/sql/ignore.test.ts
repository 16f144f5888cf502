import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commentsBetween } from './comments.ts'
import { readIgnore } from './ignore.ts'

function read(written: string) {
  const [comment] = commentsBetween(written, [])
  if (comment === undefined) throw new Error('no comment')
  const ignore = readIgnore(comment)
  return ignore && [ignore.scope, ignore.rule, ignore.reason]
}

describe('readIgnore', () => {
  it.each([
    ['-- kei: ignore prefer-gin: the column is small', ['next', 'prefer-gin', 'the column is small']],
    ['--kei:ignore prefer-gin:small', ['next', 'prefer-gin', 'small']],
    ['-- KEI: Ignore-File prefer-gin : see issue: 12', ['file', 'prefer-gin', 'see issue: 12']],
    ['/* kei: ignore prefer-gin: small */', ['next', 'prefer-gin', 'small']],
    ['/**\n * kei: ignore prefer-gin: small\n * and rarely read\n */', ['next', 'prefer-gin', 'small and rarely read']],
    ['/** kei: ignore prefer-gin: small\n *  and rarely read\n */', ['next', 'prefer-gin', 'small and rarely read']],
  ])('reads %s', (written, expected) => {
    expect(read(written)).toEqual(expected)
  })

  it.each([
    ['-- kei: ignore prefer-gin', ['next', 'prefer-gin', '']],
    ['-- kei: ignore prefer-gin:', ['next', 'prefer-gin', '']],
    ['-- kei: ignore prefer-gin because it is small', ['next', 'prefer-gin', '']],
    ['-- kei: ignore', ['next', '', '']],
    ['-- kei: ignore: everything', ['next', '', 'everything']],
    ['-- kei: ignore-next prefer-gin: small', ['next', '-next', '']],
    ['-- kei: ignore-files prefer-gin: small', ['next', '-files', '']],
  ])('reads the slip in %s too, so that it can be reported', (written, expected) => {
    expect(read(written)).toEqual(expected)
  })

  it.each([
    '-- kei is ignored',
    '-- ignore prefer-gin: x',
    '-- see kei: ignore x: y',
    '-- kei: ignored x',
    '-- kei: ignoring',
  ])('does not take %s for one', (written) => {
    expect(read(written)).toBeUndefined()
  })

  it('gives back any rule and reason that it was written with', () => {
    const rule = fc.stringMatching(/^[a-z][a-z-]{0,20}$/)
    const reason = fc.stringMatching(/^[\w:é😀.,'"()-]( ?[\w:é😀.,'"()-]){0,30}$/u)
    fc.assert(
      fc.property(fc.constantFrom('ignore', 'ignore-file'), rule, reason, (scope, name, text) => {
        const expected = [scope === 'ignore' ? 'next' : 'file', name, text]
        expect(read(`-- kei: ${scope} ${name}: ${text}`)).toEqual(expected)
        expect(read(`/* kei: ${scope} ${name}: ${text} */`)).toEqual(expected)
      }),
    )
  })
})
