import { defineRule } from '../rule.ts'

export default defineRule({
  id: 'no-unreadable-file',
  since: '0.1.0',
  severity: 'error',
  category: 'project',
  subject: 'unreadable',
  about: 'file',
  needs: ['source'],
  summary: 'A file of a migration folder that cannot be read as a migration',
  why:
    'A file that looks like a migration and cannot be read was not judged, and a runner may fail on it ' +
    'or pass it over. ' +
    'Silence about it would look like approval.',
  instead:
    'Save it as UTF-8, give it the name and the markers that its tool expects, or move it out of the ' +
    'folder when it is ' +
    'not a migration. The message says what is wrong with it.',
  examples: [],
  sources: [],
  options: {},
  claims: [],
  *check({ file, code, message, at, text = '' }) {
    if (code === 'syntax-error') return
    yield {
      kind: 'finding',
      message: `${message} (${code})`,
      at: { file, text, span: at ?? { start: 0, end: 0 } },
      evidence: [{ kind: 'source', text: message }],
      next: nextFor(code),
      identity: code,
    }
  },
})

function nextFor(code: string): string {
  switch (code) {
    case 'invalid-utf8':
      return 'Save the file as UTF-8.'
    case 'too-large':
      return 'Split the file; rows belong into COPY data that is loaded beside the migrations.'
    case 'not-a-regular-file':
    case 'outside-repository':
      return 'Put the file itself into the folder.'
    default:
      return 'Mend the file, or move it out of the folder when it is not a migration.'
  }
}
