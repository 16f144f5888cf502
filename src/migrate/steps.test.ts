import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeiError } from '../errors.ts'
import type { Statement } from '../sql/statement.ts'
import { boundaryOf } from '../sql/transactions.ts'
import { checksumOf, statementHash } from './checksum.ts'
import { readHeader } from '../sql/file-header.ts'
import type { MigrationText } from './migration.ts'
import type { Step } from './step.ts'
import { parseMigration, refuseScript, remainingSteps, stepsOf } from './steps.ts'

function textOf(text: string): MigrationText {
  return { file: 'migrations/1_a.sql', text, header: readHeader(text).header, checksum: checksumOf(text) }
}

async function parsed(sql: string): Promise<{ text: MigrationText; statements: Statement[]; steps: Step[] }> {
  const text = textOf(sql)
  const statements = await parseMigration(text)
  return { text, statements, steps: stepsOf(statements, text.header) }
}

/** `transaction 1-3: SELECT 1; SELECT 2` */
function shown(steps: readonly Step[]): string[] {
  return steps.map(({ kind, first, last, statements }) =>
    `${kind} ${first}-${last}: ${statements.map((statement) => statement.text).join('; ')}`.trimEnd(),
  )
}

async function refusal(work: () => Promise<unknown>): Promise<KeiError> {
  const error: unknown = await work().then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (!(error instanceof KeiError)) throw new Error(`not refused: ${String(error)}`)
  expect(error.hint).toBeTruthy()
  expect(error.exitCode).toBe(4)
  return error
}

describe('stepsOf', () => {
  it.each([
    ['SELECT 1; SELECT 2', ['transaction 1-2: SELECT 1; SELECT 2']],
    ['-- nothing', []],
    [
      'SELECT 1; VACUUM; SELECT 2; SELECT 3',
      ['transaction 1-1: SELECT 1', 'outside 2-2: VACUUM', 'transaction 3-4: SELECT 2; SELECT 3'],
    ],
    [
      'SELECT 1; BEGIN; SELECT 2; SELECT 3; COMMIT; SELECT 4',
      ['transaction 1-1: SELECT 1', 'transaction 2-5: SELECT 2; SELECT 3', 'transaction 6-6: SELECT 4'],
    ],
    ['BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; END', ['transaction 1-3: SELECT 1', 'transaction 4-6: SELECT 2']],
    ['BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT', ['transaction 1-3: SELECT 1', 'transaction 4-5: SELECT 2']],
    ['BEGIN; COMMIT', ['transaction 1-2:']],
    ['BEGIN; COMMIT; VACUUM; COMMIT', ['transaction 1-2:', 'outside 3-3: VACUUM', 'transaction 4-4:']],
    ['VACUUM; COMMIT; SELECT 1', ['outside 1-1: VACUUM', 'transaction 2-2:', 'transaction 3-3: SELECT 1']],
    ['SELECT 1; COMMIT; VACUUM', ['transaction 1-2: SELECT 1', 'outside 3-3: VACUUM']],
    ['SELECT 1; SAVEPOINT a; ROLLBACK TO a', ['transaction 1-3: SELECT 1; SAVEPOINT a; ROLLBACK TO a']],
    [
      `ALTER TYPE t ADD VALUE 'b'; INSERT INTO u VALUES ('b')`,
      [`transaction 1-1: ALTER TYPE t ADD VALUE 'b'`, `transaction 2-2: INSERT INTO u VALUES ('b')`],
    ],
    [
      'SELECT 1; CALL p(); SELECT 2; SELECT 3',
      ['transaction 1-1: SELECT 1', 'transaction 2-2: CALL p()', 'transaction 3-4: SELECT 2; SELECT 3'],
    ],
    [
      '-- kei: transaction none\nSELECT 1; SELECT 2; CALL p(); VACUUM',
      ['transaction 1-1: SELECT 1', 'transaction 2-2: SELECT 2', 'may-commit 3-3: CALL p()', 'outside 4-4: VACUUM'],
    ],
    [
      '-- kei: transaction none\nSELECT 1; BEGIN; SELECT 2; CALL p(); COMMIT; SELECT 3; SELECT 4',
      [
        ...['transaction 1-1: SELECT 1', 'transaction 2-5: SELECT 2; CALL p()'],
        ...['transaction 6-6: SELECT 3', 'transaction 7-7: SELECT 4'],
      ],
    ],
  ])('makes of %j', async (sql, expected) => {
    expect(shown((await parsed(sql)).steps)).toEqual(expected)
  })

  it('has every statement in one step, in order, with its hash', async () => {
    const piece = fc.constantFrom(
      ...['SELECT 1', 'SELECT 2', 'VACUUM', 'CALL p()', 'BEGIN', 'COMMIT', 'COMMIT AND CHAIN', 'SAVEPOINT a'],
      ...[`ALTER TYPE t ADD VALUE 'b'`, `INSERT INTO u VALUES ('b')`, 'CREATE INDEX CONCURRENTLY ON t (a)'],
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.boolean(), async (pieces, none) => {
        const { statements, steps } = await parsed(`${none ? '-- kei: transaction none\n' : ''}${pieces.join(';')}`)
        expect(
          steps.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
        ).toEqual(statements.map(({ index }) => index + 1))
        expect(steps.flatMap(({ hashes }) => hashes)).toEqual(statements.map(({ text }) => statementHash(text)))
        for (const step of steps) expect(step.hashes).toHaveLength(step.last - step.first + 1)
        expect(steps.flatMap((step) => step.statements)).toEqual(
          statements.filter((statement) => boundaryOf(statement) === undefined),
        )
        for (const { first, last, statements: own } of steps) {
          for (const { index } of own) expect(index >= first - 1 && index < last).toBe(true)
        }
      }),
    )
  })
})

describe('remainingSteps', () => {
  const sql = 'SELECT 1; SELECT 2; VACUUM; BEGIN; SELECT 3; SELECT 4; COMMIT'

  it.each([
    [0, ['transaction 1-2: SELECT 1; SELECT 2', 'outside 3-3: VACUUM', 'transaction 4-7: SELECT 3; SELECT 4']],
    [1, ['transaction 2-2: SELECT 2', 'outside 3-3: VACUUM', 'transaction 4-7: SELECT 3; SELECT 4']],
    [2, ['outside 3-3: VACUUM', 'transaction 4-7: SELECT 3; SELECT 4']],
    [5, ['transaction 6-7: SELECT 4']],
    [6, ['transaction 7-7:']],
    [7, []],
  ])('leaves out the first %i statements', async (count, expected) => {
    const { text, statements, steps } = await parsed(sql)
    const done = statements.slice(0, count).map((statement) => statementHash(statement.text))
    const left = remainingSteps(steps, statements, done, text)
    expect(shown(left)).toEqual(expected)
    expect([...done, ...left.flatMap(({ hashes }) => hashes)]).toEqual(steps.flatMap(({ hashes }) => hashes))
  })

  it('lets comments, and all that comes after the applied part, change', async () => {
    const done = ['SELECT 1', 'SELECT 2'].map(statementHash)
    const { text, statements, steps } = await parsed('/* now */ select 1; SELECT 2 -- two\n; SELECT 5')
    expect(shown(remainingSteps(steps, statements, done, text))).toEqual(['transaction 3-3: SELECT 5'])
  })

  it('names the first statement that is not what was applied, with its place and the next command', async () => {
    const done = ['SELECT 1', 'SELECT 2', 'SELECT 3'].map(statementHash)
    const { text, statements, steps } = await parsed('SELECT 1;\nSELECT 7;\nSELECT 8;')
    const error = await refusal(async () => remainingSteps(steps, statements, done, text))
    expect(error.code).toBe('edited-applied-part')
    expect(error.message).toMatch(/^migrations\/1_a\.sql:2:1: statement 2 is applied, but is not what was applied\n/)
    expect(error.hint).toContain('`git restore migrations/1_a.sql`')
    expect(error.hint).toContain('`kei migrate up`')
  })

  it('says when applied statements are no longer there', async () => {
    const done = ['SELECT 1', 'SELECT 2'].map(statementHash)
    const { text, statements, steps } = await parsed('SELECT 1;\n')
    const error = await refusal(async () => remainingSteps(steps, statements, done, text))
    expect(error.message).toMatch(
      /^migrations\/1_a\.sql:1:9: 2 statements of this file are applied, but it has only 1 /,
    )
  })
})

describe('parseMigration', () => {
  it('shows where PostgreSQL rejects the text, and not the secrets there', async () => {
    const error = await refusal(() => parsed(`SELECT 1;\n  CREATE ROLE a PASWORD 'hunter2';`))
    expect(error.code).toBe('syntax-error')
    expect(error.message).toBe(
      [
        'migrations/1_a.sql:2:17: unrecognized role option "pasword"',
        `    CREATE ROLE a PASWORD '********';`,
        '                  ^^^^^^^',
      ].join('\n'),
    )
  })

  it.each([
    ['SELECT 1;\n\\i other.sql\n', 'psql-command-in-migration', 'migrations/1_a.sql:2:1: \\i is a command of psql'],
    [
      '\\copy t from stdin\n1\n\\.\n',
      'psql-command-in-migration',
      'migrations/1_a.sql:1:1: \\copy is a command of psql',
    ],
    ['SELECT 1 \\gexec', 'psql-command-in-migration', 'migrations/1_a.sql:1:10: \\gexec is a command of psql'],
    [`COPY t (a, b) FROM stdin;\n1\tit's\n2\tb\n\\.\n`, 'copy-from-stdin', 'migrations/1_a.sql:1:1: COPY … FROM STDIN'],
    [`SELECT 1;\nCOPY t FROM STDIN WITH (FORMAT csv);\n1,2\n`, 'copy-from-stdin', 'migrations/1_a.sql:2:1: COPY'],
    [`SELECT from stdin stdin; SELECT SELECT`, 'syntax-error', 'migrations/1_a.sql:1:'],
    [`SELECT 'a\n\\i b`, 'syntax-error', 'migrations/1_a.sql:1:8: unterminated quoted string'],
  ])('refuses %j as %s', async (sql, code, message) => {
    const error = await refusal(() => parsed(sql))
    expect(error.code).toBe(code)
    expect(error.message.slice(0, message.length)).toBe(message)
  })

  it('lets backslashes stand in strings, names and comments', async () => {
    expect((await parsed(`SELECT '\\i', E'\\\\', "\\d", $$\n\\i x\n$$; -- \\c\n/* \\q */`)).statements).toHaveLength(1)
  })
})

describe('refuseScript', () => {
  it.each([
    ['SELECT 1;\nROLLBACK;', 'rollback-in-migration', '2:1'],
    ['BEGIN; SELECT 1; ROLLBACK AND CHAIN; SELECT 2; COMMIT', 'rollback-in-migration', '1:18'],
    ['SELECT 1; ABORT', 'rollback-in-migration', '1:11'],
    [`SELECT 1; PREPARE TRANSACTION 'a'`, 'prepared-transaction-in-migration', '1:11'],
    [`COMMIT PREPARED 'a'`, 'prepared-transaction-in-migration', '1:1'],
    [`ROLLBACK PREPARED 'a'`, 'prepared-transaction-in-migration', '1:1'],
    ['COPY t FROM STDIN', 'copy-from-stdin', '1:1'],
    ['SELECT 1; COPY (SELECT 1) TO STDOUT', 'copy-to-stdout', '1:11'],
    ['BEGIN;\n  CREATE INDEX CONCURRENTLY ON t (a);\nCOMMIT;', 'outside-in-transaction', '2:3'],
    ['BEGIN; VACUUM; ROLLBACK', 'outside-in-transaction', '1:8'],
    ['BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT', 'transaction-mode-in-migration', '1:1'],
    ['START TRANSACTION READ WRITE, READ ONLY; COMMIT', 'transaction-mode-in-migration', '1:1'],
    ['SELECT 1; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'transaction-mode-in-migration', '1:11'],
    ['SET LOCAL transaction_isolation TO serializable', 'transaction-mode-in-migration', '1:1'],
    [`SELECT 1; SET client_encoding = 'LATIN1'`, 'client-encoding-in-migration', '1:11'],
    [`SET NAMES 'win1252'`, 'client-encoding-in-migration', '1:1'],
    [`SET TRANSACTION SNAPSHOT '1'`, 'transaction-mode-in-migration', '1:1'],
  ])('refuses %j as %s at %s', async (sql, code, place) => {
    const error = await refusal(async () => {
      const { text, statements } = await parsed(sql)
      refuseScript(text, statements)
    })
    expect(error.code).toBe(code)
    expect(error.message.startsWith(`migrations/1_a.sql:${place}: `)).toBe(true)
    expect(error.message.split('\n')).toHaveLength(3)
  })

  it('takes what the runner can send', async () => {
    const { text, statements } = await parsed(
      `BEGIN; SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a; COMMIT; VACUUM; CALL p();
       COPY t FROM '/srv/rows.csv'; COPY t TO PROGRAM 'gzip'; CREATE INDEX CONCURRENTLY ON t (a);
       START TRANSACTION READ WRITE; SET TRANSACTION NOT DEFERRABLE; COMMIT;
       SET client_encoding = 'UTF8'; SET NAMES 'utf-8'; SET NAMES DEFAULT; RESET client_encoding;
       SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE`,
    )
    expect(() => refuseScript(text, statements)).not.toThrow()
  })
})
