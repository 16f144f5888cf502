import { describe, expect, it } from 'vitest'
import { nearest } from './nearest.ts'

describe('nearest', () => {
  it.each([
    ['migration', 'migrations'],
    ['mainbranch', 'mainBranch'],
    ['failon', 'failOn'],
    ['postgre', 'postgres'],
    ['rule', 'rules'],
  ])('takes %s for %s', (word, meant) => {
    expect(nearest(word, ['postgres', 'migrations', 'mainBranch', 'rules', 'trace', 'failOn'])).toBe(meant)
  })

  it('has no guess for a word that is far from all', () => {
    expect(nearest('colour', ['postgres', 'rules', 'trace'])).toBeUndefined()
    expect(nearest('anything', [])).toBeUndefined()
  })
})
