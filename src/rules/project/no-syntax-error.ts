import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-syntax-error',
  since: '0.1.0',
  severity: 'error',
  category: 'project',
  subject: 'unreadable',
  about: 'file',
  needs: ['source'],
  summary: 'A migration that PostgreSQL’s grammar rejects',
  why:
    'The file fails when it is run, and nothing in it can be judged before. kei reads SQL with the grammar of ' +
    'PostgreSQL 18 itself, so a server of that or an earlier version rejects it too.',
  instead:
    'Mend it where the message points; the mistake is often just before. psql commands (\\i, \\copy) and templates ' +
    '(${name}) are not SQL: keep them out of migrations.',
  examples: [
    {
      title: 'A comma too many',
      bad: 'CREATE TABLE orders (id bigint,);',
      at: ')',
      good: 'CREATE TABLE orders (id bigint);',
    },
    {
      title: 'A psql command',
      bad: '\\set name orders\nCREATE TABLE orders (id bigint);',
      at: '\\',
      good: 'CREATE TABLE orders (id bigint);',
    },
  ],
  sources: ['https://www.postgresql.org/docs/17/sql-syntax.html'],
  options: {},
  claims: [],
  *check({ file, code, message, at, text = '' }) {
    if (code !== 'syntax-error') return
    yield {
      kind: 'finding',
      message,
      at: { file, text, span: at ?? { start: 0, end: 0 } },
      evidence: [{ kind: 'source', text: message }],
      next: 'Mend the statement where the caret points, or just before it. Nothing else in this file was judged.',
      identity: message,
    }
  },
})
