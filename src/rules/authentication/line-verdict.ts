import type { Authentication, AuthenticationPlace, AuthenticationRecord } from '../../findings/authentication.ts'
import type { Severity } from '../../findings/finding.ts'
import { formatNetwork } from '../../findings/network.ts'
import { positionsOf } from '../../sql/positions.ts'
import type { Verdict } from '../rule.ts'

export interface LineRemark {
  message: string
  next: string
  /** Default: the rule's own. */
  severity?: Severity
  related?: { record: AuthenticationRecord; message: string }[]
}

/**
 * A finding at a line. The same line in a file of the repository and on the running server is one finding with two
 * pieces of evidence.
 */
export function lineVerdict(
  { from }: Pick<Authentication, 'from'>,
  record: AuthenticationRecord,
  { message, next, severity, related = [] }: LineRemark,
): Verdict {
  const text = lineText(record)
  return {
    kind: 'finding',
    message,
    at: record.at,
    evidence: [from === 'file' ? { kind: 'source', text } : { kind: 'catalog', facts: { pg_hba_file_rules: text } }],
    next,
    identity: text,
    object: `line ${text}`,
    related: related.map((each) => ({ at: each.record.at, message: each.message })),
    ...(severity !== undefined && { severity }),
  }
}

/** The line without its options, of which one may be a secret; spelt one way however the file has it. */
export function lineText(record: AuthenticationRecord): string {
  const names = [record.databases, record.users].map((list) => list.map(({ text }) => text).join(','))
  const address = record.type === 'local' ? [] : [addressText(record.address)]
  return [record.type, ...names, ...address, record.method].join(' ')
}

/** Where a line stands, in words that follow "at": `line 5`, `line 2 of hba.d/extra.conf`. */
export function lineWords(at: AuthenticationPlace, seenFrom: AuthenticationPlace): string {
  if (!('span' in at)) return at.name
  const { line } = positionsOf(at.text)(at.span.start)
  return 'span' in seenFrom && seenFrom.file === at.file ? `line ${line}` : `line ${line} of ${at.file}`
}

function addressText(address: Exclude<AuthenticationRecord, { type: 'local' }>['address']): string {
  if (address.kind === 'network') return formatNetwork(address.network)
  return address.kind === 'name' ? address.name : address.kind
}
