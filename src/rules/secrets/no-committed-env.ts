import type { Verdict } from '../rule.ts'
import { defineRule } from '../rule.ts'
import type { EnvironmentSubject, TextSubject } from '../subject.ts'
import { describePassword, exposedPasswords, holderOf } from './exposed-password.ts'
import type { ExposedPassword } from './exposed-password.ts'

// Put together, so that this file has no password in it.
const password = ['wide', 'Gr4pe', '41'].join('-')

export default defineRule({
  id: 'no-committed-env',
  since: '0.1.0',
  severity: 'error',
  category: 'secrets',
  subject: 'environment',
  about: 'file',
  needs: ['git', 'source'],
  summary: 'An environment file with passwords that git has, had, or would take next',
  why:
    'A .env file is where the passwords of the running service are. Once committed it is in every clone and fork, and ' +
    'deleting it leaves it in the history. A file that git merely does not ignore is one `git add .` from there.',
  instead:
    'Keep .env out of the repository by a line in .gitignore, and commit a .env.example whose values are placeholders. A ' +
    'password that was ever committed is changed on the server; rewriting history takes it from nobody who has it.',
  examples: [
    {
      title: 'A committed .env',
      bad: [{ file: '.env', text: `NODE_ENV=production\nDATABASE_URL=postgres://shop:${password}@10.0.4.7:5432/shop` }],
      at: password,
      good: [
        { file: '.env.example', text: 'NODE_ENV=production\nDATABASE_URL=postgres://USER:PASSWORD@HOST:5432/shop' },
      ],
    },
    {
      title: 'An example that is none',
      bad: [{ file: '.env.example', text: `PGHOST=10.0.4.7\nPGPASSWORD=${password}` }],
      at: password,
      good: [{ file: '.env.example', text: 'PGHOST=localhost\nPGPASSWORD=changeme' }],
    },
  ],
  sources: ['https://git-scm.com/docs/gitignore', 'https://12factor.net/config'],
  options: {
    history: {
      description: 'Whether commits are looked through: off once every password that is in them has been changed.',
      default: true,
    },
  },
  claims: [],
  *check(subject, { options }) {
    const shown = new Set<string>()
    for (const file of subject.files) {
      const exposed = exposedPasswords(file.file, file.text, () => true)
      if (exposed.length === 0) continue
      if (file.tracked === undefined) {
        yield { kind: 'unknown', needs: 'a git repository that says whether it is committed', file: file.file }
        continue
      }
      shown.add(file.file)
      yield presentFile(file, exposed)
    }
    if (options['history'] === false) return
    yield* committedFiles(subject, shown)
    if (subject.needs !== undefined) yield { kind: 'unknown', needs: subject.needs }
  },
})

function presentFile({ file, text, tracked = false }: TextSubject, exposed: readonly ExposedPassword[]): Verdict {
  const [first = missing(), ...others] = exposed
  const { severity } = first
  return {
    kind: 'finding',
    // What is not committed yet has been seen by nobody.
    severity: tracked || severity === 'note' ? severity : 'warning',
    message: tracked
      ? `git has ${file} with the password in ${namesOf(exposed)}`
      : `git does not ignore ${file}, which has the password in ${namesOf(exposed)}: the next \`git add .\` takes it`,
    at: { file, text, span: first.password.span },
    evidence: [
      { kind: 'git', detail: tracked ? 'in the index' : 'neither tracked nor ignored' },
      { kind: 'source', text: `${describePassword(first.password)}, here without the password` },
    ],
    next: tracked
      ? `Change the password on the server first: it counts as known. Then git rm --cached ${quoted(file)}, add a line ` +
        `/${file} to .gitignore, and commit both. History keeps it (git filter-repo rewrites it for every clone), ` +
        'which is why the password is changed first.'
      : `Add a line /${file} to .gitignore.`,
    related: others.map(({ password }) => ({
      at: { file, text, span: password.span },
      message: describePassword(password),
    })),
    identity: tracked ? 'tracked' : 'not ignored',
  }
}

/** One for each file that is not shown as it is now: the newest commit that brought it with a password. */
function* committedFiles({ committed }: EnvironmentSubject, shown: Set<string>): Iterable<Verdict> {
  for (const { file, text, commit } of committed) {
    if (shown.has(file)) continue
    const exposed = exposedPasswords(file, text, () => true).filter(({ severity }) => severity !== 'note')
    if (exposed.length === 0) continue
    shown.add(file)
    yield {
      kind: 'finding',
      severity: 'warning',
      message: `the history of git has ${file} with the password in ${namesOf(exposed)}`,
      at: { kind: 'object', objectType: 'commit', name: `${commit.slice(0, 12)}:${file}` },
      evidence: [{ kind: 'git', commit, detail: `the commit brought ${file}` }],
      next:
        'Change the password on the server: it counts as known. When all of them are changed, turn off the option ' +
        '`history` of this rule. git filter-repo can take the file out of the history, at the price that every clone is made anew.',
      identity: `history ${file}`,
    }
  }
}

function namesOf(exposed: readonly ExposedPassword[]): string {
  const names = [...new Set(exposed.map(({ password }) => holderOf(password)))]
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}

function quoted(file: string): string {
  return /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
}

function missing(): never {
  throw new RangeError('a file without passwords is not asked about')
}
