/**
 * A database's schema as its catalogs show it: plain data, names qualified and quoted as PostgreSQL prints them
 * (`public.orders`, `"Odd Name"` …). Extension members, system schemas and kei's own objects are left out.
 */
export interface Catalog {
  relations: CatalogRelation[]
  indexes: CatalogIndex[]
  constraints: CatalogConstraint[]
  /** Everything else that has a definition: views, functions, triggers, types, policies, sequences … */
  objects: CatalogObject[]
}

export interface CatalogRelation {
  name: string
  schema: string
  kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table'
  /** The partitioned table that it is a partition of. */
  partitionOf?: string
  columns: CatalogColumn[]
}

export interface CatalogColumn {
  name: string
  /** `format_type()`. */
  type: string
  notNull: boolean
  default?: string
  identity?: 'always' | 'by default'
  generated?: 'stored' | 'virtual'
}

export interface CatalogIndex {
  name: string
  table: string
  method: string
  unique: boolean
  primary: boolean
  valid: boolean
  /** Key columns in order; null where the key is an expression. */
  columns: (string | null)[]
  /** Operator class of each key column. */
  operatorClasses: string[]
  /** The WHERE of a partial index. */
  predicate?: string
  definition: string
}

export interface CatalogConstraint {
  name: string
  table: string
  type: 'c' | 'f' | 'n' | 'p' | 't' | 'u' | 'x'
  columns: string[]
  /** For a foreign key. */
  referencedTable?: string
  referencedColumns?: string[]
  validated: boolean
  definition: string
}

export interface CatalogObject {
  objectType: string
  name: string
  definition: string
}
