import { nearest } from '../../findings/nearest.ts'
import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-invalid-ignore',
  since: '0.1.0',
  severity: 'warning',
  category: 'project',
  subject: 'ignore',
  about: 'file',
  needs: ['source'],
  summary: 'An ignore comment without a reason, for a rule that does not exist, or that takes nothing away',
  why:
    'An ignore comment is a decision. Without a reason nobody can tell later whether it still holds; with a misspelt ' +
    'rule it does nothing while it looks as if it did; and one that matches nothing hides the next mistake at that ' +
    'place.',
  instead:
    'Write -- kei: ignore RULE: reason on the line before the statement, or -- kei: ignore-file RULE: ' +
    'reason for a whole ' +
    'file, one comment for each rule, and delete it when the finding is gone.',
  examples: [
    {
      title: 'The reason is missing',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_on date);',
      bad: '-- kei: ignore require-concurrent-index\nCREATE INDEX ON orders (placed_on);',
      at: '-- kei: ignore require-concurrent-index',
      good: '-- kei: ignore require-concurrent-index: the table has 40 rows\nCREATE INDEX ON orders (placed_on);',
    },
    {
      title: 'There is nothing to ignore',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_on date);',
      bad:
        '-- kei: ignore require-concurrent-index: the table has 40 rows\nCREATE INDEX CONCURRENTLY ON ' +
        'orders (placed_on);',
      at: '-- kei: ignore require-concurrent-index: the table has 40 rows',
      good: 'CREATE INDEX CONCURRENTLY ON orders (placed_on);',
    },
  ],
  sources: [],
  options: {},
  claims: [],
  *check({ file, text, ignore, knownRules, used }) {
    const { rule, reason, comment, scope } = ignore
    const shared = {
      kind: 'finding' as const,
      at: { file, text, span: { start: comment.start, end: comment.end } },
      evidence: [{ kind: 'source' as const, text: comment.text }] as [{ kind: 'source'; text: string }],
    }
    const word = scope === 'file' ? 'ignore-file' : 'ignore'
    if (!knownRules.includes(rule)) {
      const near = nearest(rule, knownRules)
      yield {
        ...shared,
        message: rule === '' ? 'this ignore comment names no rule' : `there is no rule ${JSON.stringify(rule)}`,
        next: near === undefined ? 'Name one of the rules that `kei rules` lists.' : `Write ${near} if that is meant.`,
      }
    } else if (reason === '') {
      yield {
        ...shared,
        message: `this ignore comment gives no reason, so ${rule} still counts`,
        next: `Write -- kei: ${word} ${rule}: REASON`,
      }
    } else if (!used) {
      yield {
        ...shared,
        message: `${rule} finds nothing here to ignore`,
        next: 'Delete the comment.',
      }
    }
  },
})
