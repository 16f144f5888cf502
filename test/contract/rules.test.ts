import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Evidence } from '../../src/findings/evidence.ts'
import { atLeast } from '../../src/findings/finding.ts'
import type { Finding } from '../../src/findings/finding.ts'
import type { Fix } from '../../src/findings/fix.ts'
import { formatLocation } from '../../src/findings/location.ts'
import { diffCatalogs } from '../../src/postgres/catalog/diff.ts'
import { indent } from '../../src/rules/next-step.ts'
import { rulePageFile, rulesIndex } from '../../src/rules/page.ts'
import { allRules } from '../../src/rules/registry.ts'
import type { Major, Rule, RuleExample } from '../../src/rules/rule.ts'
import { positionsOf } from '../../src/sql/positions.ts'
import { registryText } from '../../scripts/generate-rules.js'
import { applyFix, isInSlice, judgeExample, migrationsOf } from './examples.ts'
import { filesOf, isAboutFiles, judgeRepository } from './file-examples.ts'
import type { ExampleMigration } from './examples.ts'
import { findInDatabase, judgeWithDatabase } from './live.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generate = 'run `npm run docs`'

test('the registry holds every rule file', () => {
  expect(readFileSync(join(root, 'src/rules/registry.ts'), 'utf8'), generate).toBe(registryText())
})

test('there is a page for every rule, and no other page', () => {
  const pages = readdirSync(join(root, 'docs/rules')).sort()
  expect(pages, generate).toEqual(['README.md', ...allRules.map(({ id }) => `${id}.md`)].sort())
  expect(readFileSync(join(root, 'docs/rules/README.md'), 'utf8'), generate).toBe(rulesIndex(allRules))
})

describe.each(allRules.map((rule) => [rule.id, rule] as const))('%s', (id, rule) => {
  test('is named for its file and says what it is', () => {
    expect(id).toMatch(/^(?:no|require|prefer)(?:-[a-z0-9]+)+$/)
    expect(readFileSync(join(root, `src/rules/${rule.category}/${id}.ts`), 'utf8')).toContain(`id: '${id}'`)
    expect(rule.since).toMatch(/^\d+\.\d+\.\d+$/)
    expect(rule.summary).toMatch(/^\S.*[^.\s]$/)
    expect(rule.why).toMatch(/^\S[^]*\.$/)
    expect(rule.instead).toMatch(/^\S[^]*\.$/)
    expect(rule.needs.length).toBeGreaterThan(0)
    for (const source of rule.sources) expect(() => new URL(source)).not.toThrow()
  })

  test('has a page that is up to date', () => {
    expect(readFileSync(join(root, `docs/rules/${id}.md`), 'utf8'), generate).toBe(rulePageFile(rule))
  })

  test('explains every option', () => {
    for (const [name, option] of Object.entries(rule.options)) {
      expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/)
      expect(option.description).toMatch(/^\S.*\.$/)
    }
  })

  if (['migration', 'schema', 'index'].includes(rule.category)) {
    test('has at least two examples and, where it speaks of PostgreSQL, a claim that can be measured', () => {
      expect(rule.examples.length).toBeGreaterThanOrEqual(2)
      if (rule.about !== 'file') expect(rule.claims.length).toBeGreaterThanOrEqual(1)
    })
  }

  describe.each(rule.examples.map((example) => [example.title, example] as const))('%s', (title, example) => {
    const about: readonly Major[] = example.majors ?? [16, 17, 18]
    if (isAboutFiles(rule)) {
      test('in a repository', () => checkFiles(rule, example))
      return
    }
    if (rule.subject === 'database') {
      test.each(about)('in a running database on %i', (major) => checkDatabase(rule, example, major))
      return
    }
    test('by the text alone', () => checkExample(rule, example, majorOf(example), 'text'))

    // What does not parse cannot be run.
    if (rule.subject === 'unreadable') return
    const isOnAll = isInSlice(`${id} ${title}`)
    test.each(isOnAll ? about : [majorOf(example)])('with a trace on %i', (major) =>
      checkExample(rule, example, major, 'trace'),
    )
    if (rule.live === undefined || example.fails !== undefined) return
    test.each(isOnAll ? about : [majorOf(example)])('in the running database that it leaves on %i', (major) =>
      checkLive(rule, example, major),
    )
  })

  if (rule.changes) {
    test('offers the fixes that it declares', async () => {
      const fixes = await Promise.all(rule.examples.map((example) => fixesOfBad(rule, example)))
      expect(fixes.flat()).not.toEqual([])
    })
  }
})

/** The default major, unless the example is not about it. */
function majorOf({ majors = [17] }: RuleExample): Major {
  return majors.includes(17) ? 17 : majors[0]
}

async function fixesOfBad(rule: Rule, example: RuleExample): Promise<Fix[]> {
  if (isAboutFiles(rule)) {
    const { findings } = await judgeRepository(rule, filesOf(rule, example.bad), majorOf(example))
    return findings.flatMap((finding) => finding.fixes)
  }
  const { findings } = await judgeExample(rule, migrationsOf(example, example.bad), majorOf(example), 'text')
  return findings.flatMap((finding) => finding.fixes)
}

/** `bad` gives one finding at its place, `good` none, and an edit makes `bad` good. */
async function checkFiles(rule: Rule, example: RuleExample): Promise<void> {
  const bad = filesOf(rule, example.bad)
  const { findings } = await judgeRepository(rule, bad, majorOf(example))
  expect(findings.map((finding) => placeOf(finding, bad))).toEqual([{ file: bad.at(-1)?.file, text: example.at }])
  const [finding] = findings
  expect(finding?.message).toMatch(/^\S.*[^.\s]$/)
  expect(finding?.next).toMatch(/\S/)
  expect(finding?.evidence.length).toBeGreaterThan(0)
  const good = await judgeRepository(rule, filesOf(rule, example.good), majorOf(example))
  expect(good.findings).toEqual([])
  for (const fix of finding?.fixes ?? []) {
    const after = await judgeRepository(rule, applyFix(bad, fix), majorOf(example))
    expect(after.findings, fix.title).toEqual([])
  }
}

/** `bad` leaves one finding at its object in a running database, `good` none. */
async function checkDatabase(rule: Rule, example: RuleExample, major: Major): Promise<void> {
  const findings = await findInDatabase(rule, example, example.bad, major)
  expect(findings.map(({ location }) => formatLocation(location))).toEqual([example.at])
  const [finding] = findings
  expect(finding?.message).toMatch(/^\S.*[^.\s]$/)
  expect(finding?.next).toMatch(/\S/)
  expect(finding?.evidence.map(({ kind }) => kind)).toEqual(rule.needs)
  expect(await findInDatabase(rule, example, example.good, major)).toEqual([])
}

/** The database that `bad` leaves shows the same object: one finding, known by the files and by the database. */
async function checkLive(rule: Rule, example: RuleExample, major: Major): Promise<void> {
  const { withFiles, alone } = await judgeWithDatabase(rule, example, example.bad, major)
  expect(withFiles.findings.map(({ location }) => location.kind)).toEqual(['file'])
  expect(withFiles.findings[0]?.evidence.filter(isLive)).not.toEqual([])
  expect(alone.findings.map(({ location }) => location.kind)).toEqual(['object'])
  expect(alone.findings[0]?.evidence.every(isLive)).toBe(true)
  const good = await judgeWithDatabase(rule, example, example.good, major)
  expect([...good.withFiles.findings, ...good.alone.findings]).toEqual([])
}

function isLive({ kind }: Evidence): boolean {
  return kind === 'catalog' || kind === 'statistics'
}

/** `bad` gives one finding at its place, `good` none, and every fix makes `bad` good without touching anything else. */
async function checkExample(rule: Rule, example: RuleExample, major: Major, how: 'text' | 'trace'): Promise<void> {
  const bad = migrationsOf(example, example.bad)
  const before = await judgeExample(rule, bad, major, how, undefined, example.fails)
  const byTraceAlone = rule.needs.every((kind) => kind === 'trace')
  if (how === 'text' && byTraceAlone) {
    expect(before.findings).toEqual([])
    expect(before.unknown).toEqual(['a trace'])
    return
  }
  expect(before.findings.map((finding) => placeOf(finding, bad))).toEqual([
    { file: bad.at(-1)?.file, text: example.at },
  ])
  const [finding] = before.findings
  expect(finding?.message).toMatch(/^\S.*[^.\s]$/)
  expect(finding?.next).toMatch(/\S/)
  expect(finding?.evidence.length).toBeGreaterThan(0)
  if (how === 'trace' && rule.needs.includes('trace')) {
    expect(finding?.evidence.map((evidence) => evidence.kind)).toContain('trace')
  }

  const good = await judgeExample(rule, migrationsOf(example, example.good), major, how)
  expect(good.findings).toEqual([])
  if (byTraceAlone) expect(good.unknown).toEqual([])

  for (const fix of finding?.fixes ?? []) {
    expect(rule.changes, 'a rule with fixes declares what they change').toBeDefined()
    const after = await judgeExample(rule, applyFix(bad, fix), major, how)
    expect(after.findings, fix.title).toEqual([])
    for (const { text } of fix.newFiles) expect(finding?.next).toContain(indent(text.trimEnd()))
    const were = new Set(before.others.map((other) => other.fingerprint))
    const hazards = after.others.filter(
      (other) => isInFix(other.location, fix) && atLeast(other.severity, 'warning') && !were.has(other.fingerprint),
    )
    expect(
      hazards.map(({ rule: found, message }) => `${found}: ${message}`),
      `${fix.title}: a recipe is clean itself`,
    ).toEqual([])
    if (before.traced === undefined || after.traced === undefined) continue
    const changed = diffCatalogs(before.traced.catalog, after.traced.catalog)
    const undeclared = changed.map(({ objectType, name }) => `${objectType} ${name}`)
    expect(
      undeclared.filter((object) => !rule.changes?.objects.includes(object)),
      fix.title,
    ).toEqual([])
  }
}

/** Whether a finding is about what a fix writes. */
function isInFix(location: Finding['location'], { edits, newFiles }: Fix): boolean {
  return [...edits, ...newFiles].some(({ file }) => file === fileOf(location))
}

function fileOf(location: Finding['location']): string | undefined {
  return location.kind === 'file' ? location.file : undefined
}

/** The file and the text that a finding points at; no text for the start of a file. */
function placeOf(
  { location }: Finding,
  migrations: readonly ExampleMigration[],
): { file: string; text: string } | undefined {
  if (location.kind !== 'file') return undefined
  const { file, line, column, endLine, endColumn } = location
  const text = migrations.find((migration) => migration.file === file)?.text ?? ''
  const position = positionsOf(text)
  const isAt = (wantedLine: number, wantedColumn: number) => (offset: number) => {
    const { line: foundLine, column: foundColumn } = position(offset)
    return foundLine === wantedLine && foundColumn === wantedColumn
  }
  const offsets = Array.from({ length: text.length + 1 }, (_, offset) => offset)
  return { file, text: text.slice(offsets.find(isAt(line, column)), offsets.find(isAt(endLine, endColumn))) }
}
