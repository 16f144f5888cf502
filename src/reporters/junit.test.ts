import { SaxesParser } from 'saxes'
import { describe, expect, it } from 'vitest'
import { context, hostileReport, sqlFile } from '../../test/hostile-report.ts'
import { junit } from './junit.ts'

interface Element {
  name: string
  attributes: Record<string, string>
  children: Element[]
  text: string
}

/** The document's element; throws where it is not well-formed. */
function parsed(xml: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' }
  const open = [root]
  const parser = new SaxesParser()
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: { ...attributes }, children: [], text: '' }
    open.at(-1)?.children.push(element)
    open.push(element)
  })
  parser.on('text', (text) => {
    const element = open.at(-1)
    if (element !== undefined) element.text += text
  })
  parser.on('closetag', () => void open.pop())
  parser.write(xml).close()
  const [document] = root.children
  if (document === undefined) throw new Error('no element')
  return document
}

describe('junit', () => {
  const root = parsed(junit(hostileReport, context))
  const cases = root.children.flatMap((suite) => suite.children)
  const caseOf = (name: string) => cases.find((each) => each.attributes['name'] === name)

  it('is well-formed XML whose counts are those of its tests', () => {
    const outcomes = (elements: readonly Element[], kind: string) =>
      elements.filter(({ children }) => children.some(({ name }) => name === kind)).length
    for (const suite of root.children) {
      expect(suite.attributes).toMatchObject({
        tests: String(suite.children.length),
        failures: String(outcomes(suite.children, 'failure')),
        skipped: String(outcomes(suite.children, 'skipped')),
      })
    }
    expect(root.attributes).toMatchObject({
      tests: String(cases.length),
      // The note is none.
      failures: String(hostileReport.findings.length - 1),
      // Two ignored, one undecided, two causes of what did not run.
      skipped: '5',
    })
  })

  it('gives every test a name of its own, without its line', () => {
    const names = cases.map(({ attributes }) => `${attributes['classname']} ${attributes['name']}`)
    expect(new Set(names).size).toBe(cases.length)
    expect(names).toContain(`${sqlFile} require-concurrent-index: CREATE INDEX blocks every write to t`)
    expect(names).toContain(`${sqlFile} require-concurrent-index: CREATE INDEX blocks every write to t (2)`)
  })

  it('makes an error a failure with place, evidence and next step', () => {
    const [failure] = caseOf('require-concurrent-index: CREATE INDEX blocks every write to t (2)')?.children ?? []
    expect(failure?.attributes).toEqual({ type: 'error', message: 'CREATE INDEX blocks every write to t' })
    expect(failure?.text).toBe(
      `${sqlFile}:2:2\nCREATE INDEX blocks every write to t\nknown: in the text: CREATE INDEX i ON t (a)\n` +
        'do: Write:\n  CREATE INDEX CONCURRENTLY i ON t (a);',
    )
  })

  it('lets a note pass, and says it in the output', () => {
    const note = caseOf('prefer-identity: CREATE INDEX blocks every write to t')
    expect(note?.children.map(({ name }) => name)).toEqual(['system-out'])
    expect(note?.children[0]?.text).toContain('known: its plan, before and after')
  })

  it('skips what was ignored, with the reason, and what did not run, with the cause', () => {
    expect(caseOf('prefer-gin: a B-tree')?.children[0]?.text).toBe('ignored: only a key is asked for')
    expect(caseOf('run of line 3')?.children[0]?.text).toContain('; 2 statements did not run because of it')
  })

  it('has a test where nothing was found', () => {
    const clean = { ...hostileReport, findings: [], ignored: [], unknown: [], notTraced: [], notices: [] }
    const [suite, ...others] = parsed(junit(clean, context)).children
    expect(others).toEqual([])
    expect(suite?.children.map(({ attributes }) => attributes['name'])).toEqual(['checked m (kei)'])
  })
})
