/**
 * Types that are no domains, as the parser names them: PostgreSQL's own that a column may have, and those of extensions
 * that are often met. Source: pg_type; the test beside this file asks the servers for the former.
 */
export const builtInTypes: ReadonlySet<string> = new Set(
  (
    'bit bool box bpchar bytea char cidr circle date datemultirange daterange float4 float8 inet int2 int4 ' +
    'int4multirange int4range int8 int8multirange int8range interval json jsonb jsonpath line lseg macaddr macaddr8 ' +
    'money name numeric nummultirange numrange oid path pg_lsn pg_snapshot point polygon regclass regcollation ' +
    'regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype text tid time ' +
    'timestamp timestamptz timetz tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector txid_snapshot uuid ' +
    'varbit varchar xid xid8 xml'
  ).split(' '),
)

/** Base types that extensions bring. */
export const extensionTypes: ReadonlySet<string> = new Set(
  'citext cube geography geometry halfvec hstore isbn ltree lquery sparsevec vector'.split(' '),
)
