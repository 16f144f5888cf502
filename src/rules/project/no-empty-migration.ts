import { skipSpace } from '../../sql/blank.ts'
import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-empty-migration',
  since: '0.1.0',
  severity: 'error',
  category: 'project',
  subject: 'migration',
  about: 'change',
  needs: ['source'],
  summary: 'A migration without a statement',
  why:
    'A file that does nothing was forgotten rather than meant, and kei migrate up stops at it (no-statement). Other ' +
    'tools note it as applied, so that what is written into it later never runs: there it is a note.',
  instead:
    'Write what it is to do, or take the file away. Where a version must stay without doing anything, SELECT 1; will do.',
  examples: [
    {
      title: 'Nothing but a comment',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: '-- The index comes later.',
      at: '',
      good: '-- The version stays, for those who have it.\nSELECT 1;',
    },
    {
      title: 'An empty file',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);',
      bad: '',
      at: '',
      good: 'CREATE INDEX CONCURRENTLY orders_id_idx ON orders (id);',
    },
  ],
  sources: [],
  options: {},
  claims: [],
  *check({ file, text, statements, layout, version }) {
    // A file that does not parse has no statements either, and a finding of its own.
    if (statements.length > 0 || !isEmpty(text)) return
    yield {
      kind: 'finding',
      ...(layout !== 'kei' && { severity: 'note' as const }),
      message:
        layout === 'kei'
          ? 'This migration has no statement: kei migrate up stops at it'
          : 'This migration has no statement, and what is written into it once it is applied never runs',
      at: { file, text, span: { start: 0, end: 0 } },
      evidence: [{ kind: 'source', text: 'no statement' }],
      next: 'Write what it is to do, or take the file away. Where the version must stay, SELECT 1; will do.',
      identity: version,
    }
  },
})

/** Whether there is nothing but spaces, comments and semicolons. */
function isEmpty(text: string): boolean {
  let at = skipSpace(text, 0)
  while (text[at] === ';') at = skipSpace(text, at + 1)
  return at === text.length
}
