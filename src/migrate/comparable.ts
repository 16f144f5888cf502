import type { Catalog, CatalogObject } from '../findings/catalog.ts'
import type { Privilege } from '../postgres/catalog/privileges.ts'
import type { StubPlan } from '../trace/stubs.ts'
import type { ProviderObjects } from '../postgres/catalog/providers.ts'

/**
 * With types that stubs stood for as the stubs are named, whatever schema the extension is in, and without what stubs
 * cannot tell: `geometry(Point,4326)`.
 */
export function withStubTypes(catalog: Catalog, { extensions }: StubPlan): Catalog {
  const types = extensions.stubbed.flatMap(({ stub }) => stub.types)
  if (types.length === 0) return catalog
  let text = JSON.stringify(catalog)
  for (const { name, typmod } of types) {
    const modifier = typmod ? '' : '(?:\\([^()"]*\\))?'
    text = text.replaceAll(new RegExp(`\\b\\w+\\.${name}\\b${modifier}`, 'g'), `public.${name}`)
  }
  return JSON.parse(text) as Catalog
}

/** With the extensions that stubs stood for. */
export function withExtensions(traced: Catalog, { extensions }: StubPlan): Catalog {
  const known = new Set(traced.objects.flatMap(({ objectType, name }) => (objectType === 'extension' ? [name] : [])))
  const stubbed = extensions.stubbed.flatMap(({ name }): CatalogObject[] =>
    known.has(name) ? [] : [{ objectType: 'extension', name, definition: '' }],
  )
  return { ...traced, objects: [...traced.objects, ...stubbed] }
}

/** Without the extensions that a provider installed, unless the files ask for them, too. */
export function withoutProvided(live: Catalog, expected: Catalog, provided: ProviderObjects): Catalog {
  const extensions = new Set(provided.extensions)
  for (const { objectType, name } of expected.objects) if (objectType === 'extension') extensions.delete(name)
  return {
    ...live,
    objects: live.objects.filter(({ objectType, name }) => objectType !== 'extension' || !extensions.has(name)),
  }
}

/** Roles that a trace makes up may create in `public` there; whether the files say so cannot be told. */
export function withoutStubGrants(privileges: readonly Privilege[], { roles }: StubPlan): Privilege[] {
  return privileges.map((each) => {
    if (each.objectType !== 'schema' || each.name !== 'public') return each
    const grants = each.grants.filter(({ grantee, privilege }) => privilege !== 'CREATE' || !roles.includes(grantee))
    return { ...each, grants }
  })
}

/**
 * Views and rules as text in which no column is qualified: from 16 on PostgreSQL prints them without the table's name
 * where they have but one, 15 with it.
 */
export function withoutQualifiers(catalog: Catalog): Catalog {
  return {
    ...catalog,
    objects: catalog.objects.map((object) =>
      object.objectType === 'view' || object.objectType === 'materialized view' || object.objectType === 'rule'
        ? { ...object, definition: object.definition.replaceAll(/(?:"(?:[^"]|"")*"|[a-z_][\w$]*)\./g, '') }
        : object,
    ),
  }
}
