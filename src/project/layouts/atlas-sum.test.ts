import { describe, expect, it } from 'vitest'
import { folderWith } from '../../../test/repository.ts'
import type { Files } from '../../../test/repository.ts'
import type { SumFile } from '../../findings/sum-file.ts'
import { openFolder } from '../folder.ts'
import { readSum } from './atlas-sum.ts'
import type { LayoutName } from '../../config/config.ts'

/** A folder, and the atlas.sum that `atlas migrate hash` (v1.2.3) wrote for it. */
const files: Files = {
  'm/20250101000000_a.sql': 'CREATE TABLE a (id bigint);\n',
  'm/20250102000000_b.sql': '-- atlas:sum ignore\n\nSELECT 1;\n',
  'm/20250103000000_c.sql': 'SELECT 2;\r\n',
  'm/20250104000000.sql': Buffer.from([0xff, 0x00]),
}
const recorded = `h1:6KwzhGfztD0ru/TgBpa+LAk2gEpfJ4/ZLEPA91Yxmzk=
20250101000000_a.sql h1:Y28Bd7EjSQlm4/mo+bCSmx3O3TnvKs7qmNrnJ6Zeh+w=
20250103000000_c.sql h1:zEHjjFcrkMM5PGJbBTS77YV1dM4TFBTlME3GCaEMjBg=
20250104000000.sql h1:WQiaXGC2V4gVmNFSx+DCZ/d1p7gXKEWwnqhJouhh4xI=
`

/** Another, hashed with `format=golang-migrate` and in Atlas's own format. */
const pairs: Files = { 'm/1_a.up.sql': 'CREATE TABLE a (id bigint);\n', 'm/1_a.down.sql': 'DROP TABLE a;\n' }
const asPairs = `h1:1nZk2ydZjZzjesh9Cn0xRNKQN1Y7tZJNBEt26rU7gbU=
1_a.up.sql h1:rrHnbaMoraV4NjBhkv+LF71TxyPGjgz67TmMmgH5qS4=
`
const asAll = `h1:4tYi8Gf7q/lZjjQvH3++rBmUO4PR1FmXDsrc5V29pdc=
1_a.down.sql h1:7TzFhP4V3x5Pe3rbenibhGNsGWReu3Z4IXchPTUnOvA=
1_a.up.sql h1:fZCeRUWxfvYOdbgraVl6b7jfDGFQwC302T08pzgpB5Y=
`

function sumOf(of: Files, layout: LayoutName = 'atlas'): SumFile | undefined {
  const folder = openFolder(folderWith(of), 'm')
  return folder && readSum(folder, layout)
}

describe('readSum', () => {
  it('writes what Atlas wrote, over bytes, line endings and ignored files alike', () => {
    expect(sumOf(files)).toMatchObject({ expected: recorded, mismatch: { kind: 'missing' } })
    const kept = sumOf({ ...files, 'm/atlas.sum': recorded })
    expect(kept).toEqual({ path: 'm/atlas.sum', text: recorded, expected: recorded })
  })

  it('takes the up files of golang-migrate, or all of them as the folder was hashed', () => {
    for (const sum of [asPairs, asAll]) {
      const read = sumOf({ ...pairs, 'm/atlas.sum': sum }, 'golang-migrate')
      expect(read).toEqual({ path: 'm/atlas.sum', text: sum, expected: sum })
    }
    expect(sumOf({ ...pairs, 'm/atlas.sum': asPairs }, 'atlas')?.mismatch).toMatchObject({ kind: 'added' })
  })

  it.each<[string, Files, object]>([
    ['an edited file', { 'm/20250101000000_a.sql': 'x' }, { kind: 'edited', line: 2, file: '20250101000000_a.sql' }],
    ['another line ending', { 'm/20250103000000_c.sql': 'SELECT 2;\n' }, { kind: 'edited', line: 3 }],
    ['a file between', { 'm/20250102.sql': '' }, { kind: 'added', line: 3, file: '20250102.sql' }],
    ['a file behind', { 'm/3.sql': '' }, { kind: 'added', line: 5, file: '3.sql' }],
    ['an ignored file between', { 'm/20250102.sql': '-- atlas:sum ignore' }, { kind: 'edited', line: 3 }],
    ['a changed line', { 'm/atlas.sum': recorded.replace('Y28', 'X28') }, { kind: 'total', line: 1 }],
    ['a conflict marker', { 'm/atlas.sum': `${recorded}<<<<<<< HEAD\n` }, { kind: 'malformed', line: 5 }],
    ['nothing in it', { 'm/atlas.sum': '' }, { kind: 'total', line: 1 }],
  ])('finds %s', (_, changed, mismatch) => {
    expect(sumOf({ ...files, 'm/atlas.sum': recorded, ...changed })?.mismatch).toMatchObject(mismatch)
  })

  it('finds a file that is gone', () => {
    const { 'm/20250103000000_c.sql': gone, ...rest } = files
    expect(gone).toBeDefined()
    const mismatch = { kind: 'removed', line: 3, file: '20250103000000_c.sql' }
    expect(sumOf({ ...rest, 'm/atlas.sum': recorded })?.mismatch).toEqual(mismatch)
  })
})
