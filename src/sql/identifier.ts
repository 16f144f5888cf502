/**
 * Words that PostgreSQL quotes when they name something: every keyword that is not unreserved.
 * Source: pg_get_keywords() of PostgreSQL 18; 16 lacks some of the `json_…` and `merge_action`.
 */
const keywords = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case ' +
    'cast char character check coalesce collate collation column concurrently constraint create cross ' +
    'current_catalog current_date current_role current_schema current_time current_timestamp current_user dec ' +
    'decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign ' +
    'freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect ' +
    'interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query ' +
    'json_scalar json_serialize json_table json_value lateral leading least left like limit localtime ' +
    'localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset on ' +
    'only or order out outer overlaps overlay placing position precision primary real references returning right ' +
    'row select session_user setof similar smallint some substring symmetric system_user table tablesample then ' +
    'time timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where ' +
    'window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot ' +
    'xmlserialize xmltable'
  ).split(' '),
)

/** The identifier as PostgreSQL prints it (`quote_ident`): quoted where it may have to be. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** A name of a `SchemaText` as SQL needs it. */
export function quoteTextName(name: string): string {
  const dot = name.indexOf('.')
  if (dot === -1) return quoteIdentifier(name)
  return `${quoteIdentifier(name.slice(0, dot))}.${quoteIdentifier(name.slice(dot + 1))}`
}

/** The parts of a name as PostgreSQL prints it, unquoted: `public."Order"` gives `public`, `Order`. */
export function nameParts(printed: string): string[] {
  // Nearly all names, and a large catalog has many.
  if (!printed.includes('"')) return printed.split('.').filter((part) => part !== '')
  return [...printed.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[0])
}

/** A single name as PostgreSQL prints it, unquoted: `"userId"` gives `userId`. */
export function unquoted(printed: string): string {
  return nameParts(printed).join('.')
}

/** The name that a relation which PostgreSQL prints as `printed` has in a `SchemaText`. */
export function textNameOf(printed: string): string {
  const parts = nameParts(printed)
  const name = parts.at(-1) ?? printed
  const schema = parts.at(-2)
  return schema === undefined || schema === 'public' ? name : `${schema}.${name}`
}
