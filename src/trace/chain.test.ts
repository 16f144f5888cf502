import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chainHashes } from './chain.ts'

const files = fc.array(
  fc.record({ file: fc.string(), mode: fc.constantFrom('grouped', 'statement'), text: fc.string() }),
  {
    minLength: 1,
  },
)

test('a change of one file changes its hash and all after it, and none before', () => {
  fc.assert(
    fc.property(files, fc.nat(), (history, at) => {
      const index = at % history.length
      const changed = history.map((each, place) => (place === index ? { ...each, text: `${each.text} ` } : each))
      const before = chainHashes('base', history)
      const after = chainHashes('base', changed)
      expect(after.slice(0, index + 1)).toEqual(before.slice(0, index + 1))
      for (let place = index + 1; place <= history.length; place++) expect(after[place]).not.toBe(before[place])
    }),
  )
})

test('another base is another chain, and text that moves between files is another history', () => {
  const a = { file: 'a', mode: 'grouped', text: 'x' }
  expect(chainHashes(1, [a])).not.toEqual(chainHashes(2, [a]))
  const moved = [
    [
      { ...a, text: 'xy' },
      { ...a, text: '' },
    ],
    [
      { ...a, text: 'x' },
      { ...a, text: 'y' },
    ],
  ]
  expect(new Set(moved.map((history) => chainHashes(1, history).at(-1))).size).toBe(2)
})
