import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { context, hostile, hostileReport, ruleDescriptions, sqlFile, sqlText } from '../../test/hostile-report.ts'
import { applyEdits } from '../findings/fix.ts'
import { sarif } from './sarif.ts'

interface Region {
  startLine: number
  startColumn: number
  endLine: number
  endColumn: number
}

interface SarifLocation {
  physicalLocation?: { artifactLocation: { uri: string; uriBaseId: string }; region?: Region }
  logicalLocations?: { fullyQualifiedName: string; kind: string }[]
}

interface Result {
  ruleId: string
  ruleIndex: number
  level: string
  message: { text: string }
  locations: SarifLocation[]
  relatedLocations?: SarifLocation[]
  partialFingerprints?: Record<string, string>
  suppressions?: { kind: string; justification: string }[]
  fixes?: {
    artifactChanges: {
      artifactLocation: { uri: string }
      replacements: { deletedRegion: Region; insertedContent: { text: string } }[]
    }[]
  }[]
}

interface Log {
  runs: [
    {
      tool: { driver: { rules: { id: string; defaultConfiguration: { level: string } }[] } }
      invocations: { toolExecutionNotifications: { level: string; message: { text: string } }[] }[]
      originalUriBaseIds: Record<string, unknown>
      results: Result[]
    },
  ]
}

const validate = (() => {
  const file = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json')
  // Draft 4 in its words only: nothing in it means another thing in draft 7.
  const { $schema: _draft, id: _id, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  const formats = {
    uri: (text: string) => URL.canParse(text),
    'uri-reference': (text: string) => /^(?:[\w.~!$&'()*+,;=:@/?#[\]-]|%[0-9A-Fa-f]{2})*$/.test(text),
    'date-time': (text: string) => !Number.isNaN(Date.parse(text)),
  }
  return new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, formats }).compile(schema)
})()

function logOf(report = hostileReport, rules = ruleDescriptions): Log {
  const log: unknown = JSON.parse(sarif(rules)(report, context))
  expect(validate(log) ? [] : validate.errors).toEqual([])
  return log as Log
}

/** JSON has no way to write a lone surrogate that every parser takes. */
const shown = hostile.replace('\ud83d', '\ufffd')

/** The result's one location. */
function locationOf(result: Result | undefined): SarifLocation | undefined {
  return result?.locations[0]
}

describe('sarif', () => {
  const [run] = logOf().runs
  const [indexed, , hostileResult, oddFile, object, setting] = run.results

  it('is valid by the schema of SARIF 2.1.0, which a wrong log is not', () => {
    expect(validate({ version: '2.1.0', runs: [{ tool: {} }] })).toBe(false)
    expect(validate({ version: '2.1.0', runs: [{ ...run, columnKind: 'bytes' }] })).toBe(false)
  })

  it('describes all rules and points at them', () => {
    expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(ruleDescriptions.map(({ id }) => id))
    for (const { ruleId, ruleIndex } of run.results) expect(run.tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
  })

  it('is valid where no rule is described', () => {
    expect(logOf(hostileReport, []).runs[0].results[0]?.ruleIndex).toBe(undefined)
  })

  it('encodes a path below a root that it names', () => {
    const artifact = locationOf(indexed)?.physicalLocation?.artifactLocation
    expect(artifact).toEqual({ uri: 'm/%C3%BC%20100%25%23%3F/1_a.sql', uriBaseId: 'SRCROOT' })
    expect(Object.keys(run.originalUriBaseIds)).toEqual(['SRCROOT'])
    for (const result of run.results) {
      expect(() => decodeURIComponent(locationOf(result)?.physicalLocation?.artifactLocation.uri ?? '%')).not.toThrow()
    }
    expect(locationOf(oddFile)?.physicalLocation?.artifactLocation.uri).toBe('m/a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ad%25.sql')
  })

  it('gives regions with an exclusive end', () => {
    expect(locationOf(indexed)?.physicalLocation?.region).toEqual({
      startLine: 2,
      startColumn: 2,
      endLine: 2,
      endColumn: 25,
    })
  })

  it('gives every result a file or folder, and names objects and settings beside it', () => {
    expect(run.results.every((result) => locationOf(result)?.physicalLocation !== undefined)).toBe(true)
    expect(locationOf(object)?.logicalLocations).toEqual([
      { fullyQualifiedName: 'public."::error::\n|x"', kind: 'table' },
    ])
    expect(locationOf(setting)).toEqual({
      physicalLocation: { artifactLocation: { uri: 'm/', uriBaseId: 'SRCROOT' } },
      logicalLocations: [{ fullyQualifiedName: 'ssl', kind: 'setting' }],
    })
    expect(setting?.partialFingerprints).toEqual({
      'kei/v1': 'no-char-type-1',
      primaryLocationLineHash: 'no-char-type-1',
    })
    expect(indexed?.partialFingerprints).toEqual({ 'kei/v1': 'require-concurrent-index-1' })
  })

  it('has related locations, also such as stand in no file', () => {
    expect(indexed?.relatedLocations?.[1]?.logicalLocations?.[0]?.kind).toBe('table')
  })

  it('keeps the text of a message, in which nothing is a link', () => {
    expect(hostileResult?.message.text.startsWith(`${shown.replaceAll('](', '\\](')}.\n\nKnown: `)).toBe(true)
  })

  it('has the edits of a fix by line and column, and its new files', () => {
    const changes = indexed?.fixes?.[0]?.artifactChanges ?? []
    expect(changes.map(({ artifactLocation }) => decodeURIComponent(artifactLocation.uri))).toEqual([
      sqlFile,
      'm/2_b.sql',
    ])
    const starts = sqlText
      .split('\n')
      .map((_, line, all) => all.slice(0, line).join('\n').length + (line === 0 ? 0 : 1))
    const offsetOf = (line: number, column: number) => (starts[line - 1] ?? 0) + column - 1
    const edits = (changes[0]?.replacements ?? []).map(({ deletedRegion: at, insertedContent: { text } }) => ({
      file: sqlFile,
      start: offsetOf(at.startLine, at.startColumn),
      end: offsetOf(at.endLine, at.endColumn),
      text,
    }))
    expect(edits).toEqual(hostileReport.findings[0]?.fixes[0]?.edits)
    expect(applyEdits(sqlText, edits)).toContain('CREATE INDEX CONCURRENTLY i ON t (a)')
    expect(changes[1]?.replacements[0]?.insertedContent.text).toBe('ALTER TABLE t\n  ADD b int;\n')
  })

  it('leaves out a fix of a file that cannot be read any more', () => {
    expect(oddFile?.fixes).toBe(undefined)
  })

  it('has what was ignored as suppressed results with their reasons, of the severity of their rule', () => {
    const suppressed = run.results.filter(({ suppressions }) => suppressions !== undefined)
    expect(suppressed.map(({ ruleId, level }) => [ruleId, level])).toEqual([
      ['no-drop-table', 'warning'],
      ['prefer-gin', 'warning'],
    ])
    expect(suppressed[0]?.suppressions).toEqual([{ kind: 'inSource', justification: shown }])
  })

  it('tells of what did not run, what is not decided and what is to be known', () => {
    const notifications = run.invocations[0]?.toolExecutionNotifications ?? []
    expect(notifications.map(({ level }) => level)).toEqual(['warning', 'warning', 'note', 'note', 'note'])
    expect(notifications[0]?.message.text).toMatch(/^Not run on the shadow server: .*\(2 statements did not run/s)
  })
})
