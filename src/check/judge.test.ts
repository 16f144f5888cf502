import { beforeAll, describe, expect, it } from 'vitest'
import { defineRule } from '../rules/rule.ts'
import type { Rule } from '../rules/rule.ts'
import { loadParser } from '../sql/parse.ts'
import type { Parser } from '../sql/parse.ts'
import { judge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { historySubject, parseFolder } from './read-folder.ts'

/** Finds every DROP TABLE; cannot decide about DO. */
function dropRule(about: Rule['about']): Rule {
  const rule = defineRule({
    id: 'no-drop',
    since: '0.1.0',
    severity: 'error',
    category: 'migration',
    subject: 'statement',
    about,
    needs: ['source'],
    summary: '',
    why: '',
    instead: '',
    examples: [],
    sources: [],
    options: {},
    claims: [],
    *check({ statement, migration }) {
      if (statement.tag === 'DoStmt') yield { kind: 'unknown', needs: 'a trace' }
      if (statement.tag !== 'DropStmt') return
      yield {
        kind: 'finding',
        message: 'drops',
        at: { file: migration.file, text: migration.text, span: statement },
        evidence: [{ kind: 'source', text: statement.text }],
        next: 'do not',
        fixes: [
          {
            title: 'take it out',
            safety: 'review',
            edits: [{ file: migration.file, start: statement.start, end: statement.end, text: '' }],
            newFiles: [],
          },
        ],
      }
    },
  })
  return rule as unknown as Rule
}

/** Says of every ignore comment whether it did anything. */
const ignoreRule = defineRule({
  id: 'no-invalid-ignore',
  since: '0.1.0',
  severity: 'warning',
  category: 'project',
  subject: 'ignore',
  about: 'file',
  needs: ['source'],
  summary: '',
  why: '',
  instead: '',
  examples: [],
  sources: [],
  options: {},
  claims: [],
  *check({ ignore, file, text, used }) {
    if (used && ignore.reason !== '') return
    yield {
      kind: 'finding',
      message: used ? 'no reason' : 'unused',
      at: { file, text, span: ignore.comment },
      evidence: [{ kind: 'source', text: ignore.comment.text }],
      next: 'remove it',
    }
  },
}) as unknown as Rule

let parser: Parser
beforeAll(async () => {
  parser = await loadParser()
})

function judged(text: string, options: { released?: boolean; all?: boolean; about?: Rule['about'] } = {}): Judgement {
  const path = 'm/1_a.sql'
  const parsed = parseFolder(parser, {
    layout: 'kei',
    path: 'm',
    migrations: [
      {
        layout: 'kei',
        version: '1',
        name: 'a',
        path,
        text,
        up: { file: path, text, start: 0, mode: 'grouped' },
        released: options.released ?? false,
      },
    ],
    unreadable: [],
    code: [],
  })
  return judge(
    {
      histories: [historySubject(parsed)],
      unreadable: parsed.unreadable,
      ignores: parsed.ignores,
      released: new Set(options.released === true ? [path] : []),
    },
    [dropRule(options.about ?? 'change'), ignoreRule].map((rule) => ({ rule, severity: rule.severity, options: {} })),
    { major: 17, all: options.all ?? false, knownRules: ['no-drop', 'no-invalid-ignore'] },
  )
}

function places({ findings }: Judgement): string[] {
  return findings.map(({ rule, message, location }) =>
    location.kind === 'file' ? `${rule} ${location.line}:${location.column} ${message}` : rule,
  )
}

describe('judge', () => {
  it('places findings by line and column, in their order', () => {
    expect(places(judged('SELECT 1;\n  DROP TABLE "ü😀"; DROP TABLE b;'))).toEqual([
      'no-drop 2:3 drops',
      'no-drop 2:21 drops',
    ])
  })

  it('gives equal findings different fingerprints, which stay when lines move', () => {
    const before = judged('DROP TABLE a;\nDROP TABLE a;').findings.map((finding) => finding.fingerprint)
    const after = judged('SELECT 1;\n\nDROP TABLE a;\nDROP  TABLE a;').findings.map((finding) => finding.fingerprint)
    expect(new Set(before).size).toBe(2)
    expect(after[0]).toBe(before[0])
  })

  it('counts what it cannot decide', () => {
    expect(judged('DO $$BEGIN END$$; DO $$BEGIN END$$;').unknown).toEqual([
      { rule: 'no-drop', needs: 'a trace', count: 2 },
    ])
  })

  it.each([
    ['before the statement', '-- kei: ignore no-drop: agreed\nDROP TABLE a;'],
    ['before it in a block comment', '/* kei: ignore no-drop: agreed */ DROP TABLE a;'],
    ['behind it on its line', 'DROP TABLE a; -- kei: ignore no-drop: agreed'],
    ['inside it', 'DROP TABLE -- kei: ignore no-drop: agreed\n a;'],
    ['for the file', 'SELECT 1;\n-- kei: ignore-file no-drop: agreed\nSELECT 2; DROP TABLE a;'],
  ])('takes away a finding with an ignore comment %s', (_, text) => {
    const judgement = judged(text)
    expect(judgement.findings).toEqual([])
    expect(judgement.ignored).toBe(1)
  })

  it('ignores the next statement only', () => {
    expect(places(judged('-- kei: ignore no-drop: agreed\nDROP TABLE a;\nDROP TABLE b;'))).toEqual([
      'no-drop 3:1 drops',
    ])
  })

  it('keeps the finding when the reason is missing, and says so', () => {
    expect(places(judged('-- kei: ignore no-drop\nDROP TABLE a;'))).toEqual([
      'no-invalid-ignore 1:1 no reason',
      'no-drop 2:1 drops',
    ])
  })

  it('says of an ignore comment that matches nothing, and reads none in a string', () => {
    expect(places(judged("-- kei: ignore no-drop: agreed\nSELECT '\n-- kei: ignore no-drop: x\n';"))).toEqual([
      'no-invalid-ignore 1:1 unused',
    ])
  })

  it('only counts what a released file did, and shows it when asked', () => {
    const counted = judged('DROP TABLE a;', { released: true })
    expect([counted.findings.length, counted.releasedFindings]).toEqual([0, 1])
    const all = judged('DROP TABLE a;', { released: true, all: true })
    expect([all.findings.length, all.releasedFindings]).toEqual([1, 0])
  })

  it('shows what is still wrong in the schema a released file left, and never edits that file', () => {
    const { findings } = judged('DROP TABLE a;', { released: true, about: 'state' })
    expect(findings).toHaveLength(1)
    expect(findings[0]?.fixes).toEqual([])
    expect(judged('DROP TABLE a;', { about: 'state' }).findings[0]?.fixes).toHaveLength(1)
  })

  it('names a syntax error at its place and goes on without that file', () => {
    const parsed = parseFolder(parser, {
      layout: 'kei',
      path: '.',
      migrations: [
        {
          layout: 'kei',
          version: '1',
          name: 'a',
          path: '1_a.sql',
          text: "SELECT 'é' FROM FROM t;",
          up: { file: '1_a.sql', text: "SELECT 'é' FROM FROM t;", start: 0, mode: 'grouped' },
          released: false,
        },
      ],
      unreadable: [],
      code: [],
    })
    expect(parsed.unreadable[0]).toMatchObject({ code: 'syntax-error', at: { start: 16 } })
    expect(parsed.unreadable[0]?.message).toContain('at or near "FROM"')
  })
})
