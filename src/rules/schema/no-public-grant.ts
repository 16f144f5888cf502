import type { GrantStmt, Node } from '@pgsql/types'
import { quoteIdentifier } from '../../sql/identifier.ts'
import { namesOf, nodeOf, statementOf } from '../../sql/statement.ts'
import { placeOfStatement } from '../place.ts'
import { defineRule } from '../rule.ts'
import type { HistorySubject, StatementSubject } from '../subject.ts'

export default defineRule({
  id: 'no-public-grant',
  since: '0.1.0',
  severity: 'warning',
  category: 'schema',
  subject: 'history',
  about: 'state',
  needs: ['source'],
  summary: 'A privilege that is granted to PUBLIC, which is every role there is and will be',
  why:
    'PUBLIC is no group that one is put into: each login of the cluster has it, the read-only role of a dashboard and the ' +
    'one of another team’s service too, and it cannot be taken from one of them. CREATE on a schema lets any of them put ' +
    'functions and operators where others find them by search_path.',
  instead:
    'Grant to a role that stands for those who need it, and make them its members. What PUBLIC has by default is not ' +
    'reported: USAGE on types, languages and schemas, CONNECT and TEMPORARY on databases, EXECUTE on functions.',
  examples: [
    {
      title: 'A table for everyone',
      setup: 'CREATE TABLE orders (id bigint PRIMARY KEY);\nCREATE ROLE reporting;',
      bad: 'GRANT SELECT ON orders TO PUBLIC;',
      at: 'GRANT SELECT ON orders TO PUBLIC',
      good: 'GRANT SELECT ON orders TO reporting;',
    },
    {
      title: 'A schema where everyone can create; a grant that is taken back is not reported',
      setup: 'CREATE SCHEMA app;',
      bad: 'GRANT ALL ON SCHEMA app TO PUBLIC;',
      at: 'GRANT ALL ON SCHEMA app TO PUBLIC',
      good: 'GRANT ALL ON SCHEMA app TO PUBLIC;\nREVOKE CREATE ON SCHEMA app FROM PUBLIC;',
    },
  ],
  sources: [
    'https://www.postgresql.org/docs/17/ddl-priv.html',
    'https://www.postgresql.org/docs/17/ddl-schemas.html#DDL-SCHEMAS-PATTERNS',
  ],
  options: {},
  claims: [
    {
      says: 'A role that is made afterwards has it too.',
      setup:
        'CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO PUBLIC; CREATE ROLE kei_claim_reader; SET ROLE kei_claim_reader;',
      statement: 'SELECT a FROM t',
    },
    {
      says: 'It cannot be taken from one role.',
      setup:
        'CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO PUBLIC; CREATE ROLE kei_claim_reader; ' +
        'REVOKE ALL ON t FROM kei_claim_reader; SET ROLE kei_claim_reader;',
      statement: 'SELECT a FROM t',
    },
    {
      says: 'Without it a new role may create nothing in public.',
      setup: 'CREATE ROLE kei_claim_reader; SET ROLE kei_claim_reader;',
      statement: 'CREATE TABLE t (a int)',
      fails: '42501',
    },
  ],
  *check(history) {
    for (const { subject, kind, object, privileges } of publicGrants(history)) {
      const { statement, within } = subject
      const what = privileges === allPrivileges ? 'ALL' : [...privileges].map((each) => each.toUpperCase()).join(', ')
      yield {
        kind: 'finding',
        ...(kind === 'SEQUENCE' && { severity: 'note' as const }),
        message: `PUBLIC, every role there is, has ${what} on ${shownKind(kind)}${object}${consequence(kind, privileges)}`,
        at: placeOfStatement(within ?? subject),
        evidence: [{ kind: 'source', text: statement.text }],
        next: `Grant it to the role that needs it, and where this is applied already take it back in a migration: ${revokeText(statement.text)}`,
        identity: `${kind} ${object}`,
      }
    }
  },
})

interface PublicGrant {
  subject: StatementSubject
  kind: string
  object: string
  privileges: ReadonlySet<string>
}

/** Stands for ALL PRIVILEGES. */
const allPrivileges: ReadonlySet<string> = new Set(['all'])

/** The kinds of objects that are asked about, with the privileges on them that PUBLIC has anyway. */
const kinds: Readonly<Record<string, { name: string; default: readonly string[] }>> = {
  OBJECT_TABLE: { name: 'TABLE', default: [] },
  OBJECT_SEQUENCE: { name: 'SEQUENCE', default: [] },
  OBJECT_SCHEMA: { name: 'SCHEMA', default: ['usage'] },
  OBJECT_DATABASE: { name: 'DATABASE', default: ['connect', 'temporary', 'temp'] },
  OBJECT_FOREIGN_SERVER: { name: 'FOREIGN SERVER', default: [] },
  OBJECT_FDW: { name: 'FOREIGN DATA WRAPPER', default: [] },
  OBJECT_TABLESPACE: { name: 'TABLESPACE', default: [] },
  OBJECT_PARAMETER_ACL: { name: 'PARAMETER', default: [] },
}

/** The grants to PUBLIC that no later statement takes back or makes void by dropping the object. */
function publicGrants({ migrations }: HistorySubject): PublicGrant[] {
  const grants = new Map<string, PublicGrant>()
  for (const { statements } of migrations) {
    for (const outer of statements) {
      for (const subject of [outer, ...outer.inner]) {
        if (subject.trace?.status === 'failed') continue
        const { statement } = subject
        const defaults = statementOf(statement, 'AlterDefaultPrivilegesStmt')
        const grant = statementOf(statement, 'GrantStmt') ?? defaults?.action
        if (grant && toPublic(grant)) foldGrant(grants, subject, grant)
        const drop = statementOf(statement, 'DropStmt')
        for (const object of drop?.objects ?? []) {
          const kind = drop?.removeType === 'OBJECT_SCHEMA' ? 'SCHEMA' : 'TABLE'
          grants.delete(`${kind} ${shownName(object)}`)
        }
      }
    }
  }
  return [...grants.values()]
}

function foldGrant(grants: Map<string, PublicGrant>, subject: StatementSubject, grant: GrantStmt): void {
  const kind = kinds[grant.objtype ?? '']
  if (kind === undefined) return
  const written = (grant.privileges ?? []).flatMap((each) => nodeOf(each, 'AccessPriv')?.priv_name ?? [])
  const privileges = new Set(written.length === 0 ? allPrivileges : written)
  for (const object of objectsOf(grant)) {
    const key = `${kind.name} ${object}`
    const known = grants.get(key)
    if (grant.is_grant) {
      const beyond = [...privileges].filter((each) => !kind.default.includes(each))
      if (beyond.length > 0) {
        const all = beyond.includes('all') || known?.privileges === allPrivileges
        grants.set(key, { subject, kind: kind.name, object, privileges: all ? allPrivileges : new Set(beyond) })
      }
    } else if (known) {
      const left = privileges.has('all') ? [] : without(known.privileges, privileges, kind.name)
      if (left.length === 0) grants.delete(key)
      else grants.set(key, { ...known, privileges: new Set(left) })
    }
  }
}

/** What is left of a grant; of ALL on a schema nothing that counts is left without CREATE. */
function without(granted: ReadonlySet<string>, revoked: ReadonlySet<string>, kind: string): string[] {
  if (granted.has('all')) return kind === 'SCHEMA' && revoked.has('create') ? [] : ['all']
  return [...granted].filter((each) => !revoked.has(each))
}

function toPublic({ grantees }: GrantStmt): boolean {
  return (grantees ?? []).some((each) => nodeOf(each, 'RoleSpec')?.roletype === 'ROLESPEC_PUBLIC')
}

function objectsOf({ targtype, objects }: GrantStmt): string[] {
  const names = (objects ?? []).map(shownName)
  if (targtype === 'ACL_TARGET_DEFAULTS') return ['every new one']
  if (targtype === 'ACL_TARGET_ALL_IN_SCHEMA') return names.map((name) => `every one in ${name}`)
  return names
}

function shownName(object: Node): string {
  const relation = nodeOf(object, 'RangeVar')
  const parts = relation ? [relation.schemaname, relation.relname] : namesOf(object)
  return parts
    .filter((part) => part !== undefined && part !== 'public')
    .map((part) => quoteIdentifier(part ?? ''))
    .join('.') || 'public'
}

function shownKind(kind: string): string {
  return kind === 'TABLE' ? '' : `${kind.toLowerCase()} `
}

function consequence(kind: string, privileges: ReadonlySet<string>): string {
  if (kind === 'SCHEMA' && (privileges.has('all') || privileges.has('create'))) {
    return ': each of them can put functions and tables there that others find by search_path'
  }
  return ''
}

function revokeText(text: string): string {
  return `${text
    .replace(/\bGRANT\s+OPTION\s+FOR\b/i, '')
    .replace(/\bGRANT\b/i, 'REVOKE')
    .replace(/\s+WITH\s+GRANT\s+OPTION\b.*$/is, '')
    .replace(/\bTO\s+(?=PUBLIC\b|[^\s]+\s*,)/i, 'FROM ')};`
}
