import { checkProject } from '../../src/check/check.ts'
import type { Major, Rule, RuleExample } from '../../src/rules/rule.ts'
import type { SubjectKind } from '../../src/rules/subject.ts'
import { repositoryWith } from '../repository.ts'
import type { ExampleMigration, Judged } from './examples.ts'

/** The file that an example's text stands for, where its rule is about a file of one kind. */
const fileOfSubject: Partial<Record<SubjectKind, string>> = {
  settings: 'postgresql.conf',
  authentication: 'pg_hba.conf',
}

/** Whether the rule is about what stands around migrations, in files of its own. */
export function isAboutFiles({ subject }: Rule): boolean {
  return subject === 'text' || subject === 'environment' || fileOfSubject[subject] !== undefined
}

/** The files that `bad` or `good` of a rule about files stands for. */
export function filesOf({ subject }: Rule, files: RuleExample['bad']): ExampleMigration[] {
  const own = typeof files === 'string' ? [{ file: fileOfSubject[subject] ?? 'example.txt', text: files }] : files
  return own.map(({ file, text }) => ({ file, text: `${text}\n`, released: false }))
}

/** What `kei check` finds by `rule` in a repository with these files committed. */
export async function judgeRepository(rule: Rule, files: readonly ExampleMigration[], major: Major): Promise<Judged> {
  // Where nothing is to be judged at all, that is an error.
  const migration = { 'migrations/0001_start.sql': 'SELECT 1;\n' }
  const root = repositoryWith({ ...migration, ...Object.fromEntries(files.map(({ file, text }) => [file, text])) })
  const options = { path: root, workingDirectory: root, postgresMajor: major, trace: false, all: true }
  const { report } = await checkProject(options)
  return {
    findings: report.findings.filter((finding) => finding.rule === rule.id),
    others: report.findings.filter((finding) => finding.rule !== rule.id),
    unknown: report.unknown.filter((entry) => entry.rule === rule.id).map((entry) => entry.needs),
  }
}
