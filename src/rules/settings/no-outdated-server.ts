import type { Severity } from '../../findings/finding.ts'
import { defineRule } from '../rule.ts'
import { parseVersion, standingOf } from './releases.ts'
import type { ServerVersion, Standing } from './releases.ts'
import { namesImages, serverImages } from './server-image.ts'

export default defineRule({
  id: 'no-outdated-server',
  since: '0.1.0',
  severity: 'warning',
  category: 'settings',
  subject: 'text',
  about: 'file',
  needs: ['source', 'catalog'],
  summary: 'A server whose minor release is behind its line, or whose major is near or past its end of life',
  why:
    'Minor releases hold only fixes: of security, of lost data, of wrong answers. What they mend is public from the day ' +
    'of the release. After the end of life of a major there are none, and a dump or pg_upgrade in a hurry is a bad one.',
  instead:
    'Install the newest minor of the same major, which needs no more than a restart; plan the next major a year before ' +
    'the end of life. An image tag of only the major (postgres:17) gets new minors with each pull.',
  examples: [
    {
      title: 'A minor that is long behind',
      bad: [{ file: 'compose.yaml', text: 'services:\n  database:\n    image: postgres:17.2\n' }],
      at: 'postgres:17.2',
      good: [{ file: 'compose.yaml', text: 'services:\n  database:\n    image: postgres:17\n' }],
    },
    {
      title: 'A major past its end of life',
      bad: [{ file: 'Dockerfile', text: 'FROM postgis/postgis:13-3.4-alpine\n' }],
      at: 'postgis/postgis:13-3.4-alpine',
      good: [{ file: 'Dockerfile', text: 'FROM postgis/postgis:17-3.5-alpine\n' }],
    },
  ],
  sources: ['https://www.postgresql.org/support/versioning/'],
  options: {},
  claims: [],
  *check({ file, text }, { today }) {
    if (!namesImages(file)) return
    for (const { image, version, span } of serverImages(text)) {
      const standing = standingOf(version, today)
      if (standing === undefined) continue
      yield {
        kind: 'finding',
        ...remark(version, standing),
        at: { file, text, span },
        evidence: [{ kind: 'source', text: image }],
      }
    }
  },
  *live({ version: text }, { today }) {
    const version = parseVersion(text)
    const standing = version && standingOf(version, today)
    if (version === undefined || standing === undefined) return
    yield {
      kind: 'finding',
      ...remark(version, standing),
      at: { kind: 'setting', name: 'server_version' },
      evidence: [{ kind: 'catalog', facts: { server_version: text } }],
      identity: 'server_version',
    }
  },
})

function remark(
  { major, minor }: ServerVersion,
  standing: Standing,
): { message: string; next: string; severity: Severity } {
  const name = `PostgreSQL ${major}${minor === undefined ? '' : `.${minor}`}`
  switch (standing.kind) {
    case 'ended': {
      const { endOfLife, newest } = standing
      const since = endOfLife === undefined ? '' : ` since ${endOfLife}`
      const last = newest === undefined ? '' : `Install ${newest}, its last release, now; then move`
      return {
        severity: 'error',
        message: `PostgreSQL ${major} is past its end of life${since}: what is found in it is not mended any more`,
        next: `${last === '' ? 'Move' : last} to 17 or later with pg_upgrade or a dump.`,
      }
    }
    case 'ending': {
      const { endOfLife, behind, newest } = standing
      return {
        severity: 'warning',
        message: `PostgreSQL ${major} gets no more fixes after ${endOfLife}`,
        next: `Plan the move to 17 or later with pg_upgrade.${behind > 0 ? ` Until then, install ${newest}.` : ''}`,
      }
    }
    case 'behind': {
      const { behind, newest, date } = standing
      return {
        severity: 'warning',
        message: `${name} is ${behind === 1 ? 'a release' : `${behind} releases`} behind ${newest} of ${date}`,
        next: `Install ${newest} and restart; a minor release needs no dump. Read its notes for what to do after it.`,
      }
    }
  }
}
