import type { Privilege } from '../postgres/catalog/privileges.ts'
import type { Difference } from './catalog-differences.ts'

/**
 * What of owners and grants in `live` is not as in `files`, for objects that are in both, and default privileges. Roles
 * are compared by name.
 * @param standsFor the role that the files ran as, and the one of the database that it stands for
 */
export function privilegeDifferences(
  files: readonly Privilege[],
  live: readonly Privilege[],
  standsFor: { traced: string; live: string },
): Difference[] {
  const named = (role: string) => (role === standsFor.traced ? standsFor.live : role)
  const expected = new Map(
    files.map((each) => {
      const grants = each.grants.map((grant) => ({ ...grant, grantee: named(grant.grantee) }))
      const privilege: Privilege = { ...each, owner: named(each.owner), grants }
      return [keyOf(privilege), privilege]
    }),
  )
  const found: Difference[] = []
  for (const actual of live) {
    const wanted = expected.get(keyOf(actual))
    expected.delete(keyOf(actual))
    if (wanted === undefined && !standsAlone(actual)) continue
    found.push(...compare(wanted, actual))
  }
  // An object that is missing is told by the catalog.
  for (const wanted of expected.values()) if (standsAlone(wanted)) found.push(...compare(wanted, undefined))
  return found.sort((a, b) => (`${a.objectType} ${a.name}` < `${b.objectType} ${b.name}` ? -1 : 1))
}

/** There only where somebody granted something. */
function standsAlone({ objectType }: Privilege): boolean {
  return objectType === 'column' || objectType === 'default privileges'
}

function keyOf({ objectType, name, owner }: Privilege): string {
  return `${objectType} ${name} ${objectType === 'default privileges' ? owner : ''}`
}

function compare(expected: Privilege | undefined, actual: Privilege | undefined): Difference[] {
  const { objectType, name, owner } = actual ?? expected ?? { objectType: '', name: '', owner: '' }
  const found: Difference[] = []
  if (expected !== undefined && actual !== undefined && expected.owner !== actual.owner) {
    const owners = { expected: expected.owner, actual: actual.owner }
    found.push({ objectType: 'owner', name: `${objectType} ${name}`, change: 'different', ...owners, details: [] })
  }
  const before = grantsOf(expected)
  const after = grantsOf(actual)
  const details = [
    ...[...before].filter((grant) => !after.has(grant)).map((grant) => `${grant} is missing`),
    ...[...after].filter((grant) => !before.has(grant)).map((grant) => `${grant} is unexpected`),
  ]
  if (details.length > 0) {
    const of = objectType === 'default privileges' ? `${name}, of ${owner}` : name
    found.push({ objectType: 'grants', name: `${objectType} ${of}`, change: 'different', details })
  }
  return found
}

/** What the owner has of its own is told by the owner. */
function grantsOf(privilege: Privilege | undefined): Set<string> {
  if (privilege === undefined) return new Set()
  const own = privilege.objectType === 'default privileges' ? undefined : privilege.owner
  return new Set(
    privilege.grants
      .filter(({ grantee }) => grantee !== own)
      .map(
        ({ grantee, privilege: what, grantable }) => `${what} to ${grantee}${grantable ? ' with grant option' : ''}`,
      ),
  )
}
