import { beforeAll, describe, expect, it } from 'vitest'
import { defineRule } from '../rules/rule.ts'
import type { Rule } from '../rules/rule.ts'
import { loadParser } from '../sql/parse.ts'
import type { Parser } from '../sql/parse.ts'
import { judge } from './judge.ts'
import type { Judgement } from './judge.ts'
import { historySubject, parseFolder } from './read-folder.ts'

/** Finds every DROP TABLE; cannot decide about DO. */
function dropRule(about: Rule['about'], id = 'no-drop'): Rule {
  const rule = defineRule({
    id,
    since: '0.1.0',
    severity: 'error',
    category: 'migration',
    subject: 'statement',
    about,
    destructive: true,
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

function judged(
  text: string,
  options: { released?: boolean; all?: boolean; about?: Rule['about']; more?: Rule[] } = {},
): Judgement {
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
    [dropRule(options.about ?? 'change'), ...(options.more ?? []), ignoreRule].map((rule) => ({
      rule,
      severity: rule.severity,
      options: {},
    })),
    {
      major: 17,
      today: '2026-11-23',
      all: options.all ?? false,
      knownRules: ['no-drop', 'no-loss', 'no-invalid-ignore'],
    },
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
    expect(judgement.ignoredFindings).toBe(1)
    expect(judgement.ignored).toMatchObject([{ rule: 'no-drop', message: 'drops', reason: 'agreed' }])
  })

  it('ignores the next statement only', () => {
    expect(places(judged('-- kei: ignore no-drop: agreed\nDROP TABLE a;\nDROP TABLE b;'))).toEqual([
      'no-drop 3:1 drops',
    ])
  })

  it('takes away the findings of several rules on one statement, each by its own comment', () => {
    const text =
      '-- kei: ignore no-drop: agreed\n-- kei: ignore no-loss: dumped\nDROP TABLE a; -- kei: ignore no-drop: once more\n'
    const more = [dropRule('change', 'no-loss')]
    const judgement = judged(text, { more })
    expect(judgement.findings).toEqual([])
    expect(judgement.ignored.map(({ rule, reason, destructive }) => [rule, reason, destructive])).toEqual([
      ['no-drop', 'agreed', true],
      ['no-loss', 'dumped', true],
    ])
    expect(places(judged(text.replace('DROP TABLE a', 'SELECT 1'), { more }))).toEqual([
      'no-invalid-ignore 1:1 unused',
      'no-invalid-ignore 2:1 unused',
      'no-invalid-ignore 3:11 unused',
    ])
    expect(places(judged(text.replace(': dumped', ''), { more }))).toEqual([
      'no-invalid-ignore 2:1 no reason',
      'no-loss 3:1 drops',
    ])
  })

  it('counts what is ignored in released files, and shows it when asked', () => {
    const text = '-- kei: ignore no-drop: agreed\nDROP TABLE a;'
    expect(judged(text, { released: true })).toMatchObject({ ignoredFindings: 1, ignored: [] })
    expect(judged(text, { released: true, all: true })).toMatchObject({ ignored: [{ reason: 'agreed' }] })
    expect(judged(text, { released: true, about: 'state' })).toMatchObject({ ignored: [{ reason: 'agreed' }] })
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

  describe('of code', () => {
    const call = "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP TABLE a';\nSELECT 'é', f();"

    it('places a finding where the statement is written, else at what sends it', () => {
      expect(places(judged('DO $$ BEGIN\n  DROP TABLE a;\nEND $$;'))).toEqual(['no-drop 2:3 drops'])
      expect(places(judged("DO $$ BEGIN\n  EXECUTE 'DROP TABLE ' || 'a';\nEND $$;"))).toEqual(['no-drop 2:3 drops'])
      expect(places(judged("DO 'BEGIN EXECUTE ''DROP TABLE a''; END';"))).toEqual(['no-drop 1:1 drops'])
      expect(places(judged(call))).toEqual(['no-drop 2:1 drops'])
    })

    it('names the function that sends it, and never edits code', () => {
      const [finding] = judged(call).findings
      expect(finding).toMatchObject({ fixes: [], location: { endLine: 2, endColumn: 16 } })
      expect(finding?.related).toMatchObject([
        { message: 'the function f, which runs it', location: { line: 1, column: 1, endColumn: 64 } },
      ])
      expect(judged('DO $$ BEGIN DROP TABLE a; END $$;').findings[0]?.fixes).toEqual([])
    })

    it.each([
      ['before the block', '-- kei: ignore no-drop: agreed\nDO $$ BEGIN DROP TABLE a; END $$;'],
      ['behind it', 'DO $$ BEGIN DROP TABLE a; END $$; -- kei: ignore no-drop: agreed'],
      ['before the statement', 'DO $$ BEGIN\n-- kei: ignore no-drop: agreed\nDROP TABLE a; END $$;'],
      ['before it in single quotes', "DO 'BEGIN\n-- kei: ignore no-drop: agreed\nDROP TABLE a; END';"],
      ['behind it on its line', 'DO $$ BEGIN\nDROP TABLE a; -- kei: ignore no-drop: agreed\n END $$;'],
      ['in it', 'DO $$ BEGIN\nDROP TABLE /* kei: ignore no-drop: agreed */ a; END $$;'],
      ['before EXECUTE', "DO $$ BEGIN\n-- kei: ignore no-drop: agreed\nEXECUTE 'DROP TABLE ' || 'a'; END $$;"],
      ['at the end of the code', 'DO $$ BEGIN DROP TABLE a;\nNULL;\n-- kei: ignore no-drop: agreed\nEND $$;'],
    ])('takes away a finding with an ignore comment %s', (_, text) => {
      expect(places(judged(text))).toEqual([])
    })

    it('ignores the next statement of the code only', () => {
      const text = 'DO $$ BEGIN\n-- kei: ignore no-drop: agreed\nDROP TABLE a;\nDROP TABLE b; END $$;\nDROP TABLE c;'
      expect(places(judged(text))).toEqual(['no-drop 4:1 drops', 'no-drop 5:1 drops'])
    })

    it('reads no ignore comment in a string of the code, nor in a function, which others call', () => {
      const quoted = "DO $$ BEGIN\nRAISE NOTICE '\n-- kei: ignore no-drop: x\n'; DROP TABLE a; END $$;"
      expect(places(judged(quoted))).toEqual(['no-drop 4:4 drops'])
      const made = 'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\n-- kei: ignore no-drop: x\nDROP TABLE a $$;'
      expect(places(judged(`${made}\nSELECT f();`))).toEqual(['no-drop 4:1 drops'])
    })
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
