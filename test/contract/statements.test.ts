import { describe, expect, test } from 'vitest'
import { historySubject, parseFolder } from '../../src/check/read-folder.ts'
import { enableRules } from '../../src/check/rule-settings.ts'
import { allRules } from '../../src/rules/registry.ts'
import type { Rule } from '../../src/rules/rule.ts'
import type { StatementSubject } from '../../src/rules/subject.ts'
import { loadParser } from '../../src/sql/parse.ts'
import { folderOf, migrationsOf } from './examples.ts'
import { isAboutFiles } from './file-examples.ts'
import type { ExampleMigration } from './examples.ts'

const parser = await loadParser()
/** The statements of all rules' examples and claims, those in code too. */
const subjects = allRules.flatMap(textsOf).flatMap(subjectsOf)
const selective = enableRules(allRules, {}).filter(({ rule }) => rule.statements !== undefined)

describe.each(selective.map((enabled) => [enabled.rule.id, enabled] as const))('%s', (_, { rule, options }) => {
  test('is about statements', () => expect(rule.subject).toBe('statement'))

  test('has nothing to say of kinds of statements that it does not name', () => {
    const { check, statements = [] } = rule as unknown as Rule<'statement'>
    for (const subject of subjects) {
      const { statement, inner, dynamic } = subject
      if (statements.includes(statement.tag)) continue
      if (rule.statementsWithCode && (inner.length > 0 || dynamic.length > 0)) continue
      expect([...check(subject, { major: 17, today: '2026-11-23', options })], statement.text).toEqual([])
    }
  })
})

function textsOf(rule: Rule): ExampleMigration[][] {
  const examples = isAboutFiles(rule) ? [] : rule.examples
  return [
    ...examples.flatMap((example) => [migrationsOf(example, example.bad), migrationsOf(example, example.good)]),
    ...rule.claims.map(({ setup, statement }) => [
      { file: 'migrations/0000_setup.sql', text: setup, released: true },
      { file: 'migrations/0001_claim.sql', text: statement, released: false },
    ]),
  ]
}

function subjectsOf(migrations: readonly ExampleMigration[]): StatementSubject[] {
  return historySubject(parseFolder(parser, folderOf(migrations)))
    .migrations.flatMap(({ statements }) => statements)
    .flatMap((subject) => [subject, ...subject.inner])
}
