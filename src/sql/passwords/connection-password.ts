import type { Span } from '../positions.ts'

/** A password of a PostgreSQL connection in a text of any kind, as it is written there. */
export interface ConnectionPassword {
  /** Of the password alone, without quotes. */
  span: Span
  /** What it says: percent-encoding, escapes and base64 undone. Never to be printed. */
  value: string
  /**
   * How it is written: in a `url`, in a string of `keywords` (host=… password=…), as the value of a `variable` or key, in
   * a line of a `passfile` (.pgpass) or `userlist` (PgBouncer), in a `statement`, as an `argument` by its position.
   */
  form: 'url' | 'keywords' | 'variable' | 'passfile' | 'userlist' | 'statement' | 'argument'
  /**
   * Of what: of PostgreSQL by its name or place, or of something that is named in an environment file only by itself
   * (`SMTP_PASSWORD`).
   */
  of: 'postgres' | 'other'
  /** The variable or key that has it, if any. */
  name?: string
  user?: string
  host?: string
  database?: string
}

/** How values are written in a file: `code` has quotes around each, `prose` speaks of passwords without showing any. */
export type Syntax = 'code' | 'prose' | 'settings'

const codeName =
  /\.(?:[cm]?[jt]sx?|py|pyi|rb|erb|go|java|kts?|cs|fs|vb|php|rs|exs?|scala|swift|dart|groovy|gradle|cljs?|edn|p[lm]|lua|cc?|cpp|hh?|hpp|vue|svelte|tf|tfvars|hcl|toml|json[c5]?|ipynb|sql|prisma|xml|config|csproj|jsonnet|nix|dhall|r|jl)$/i
const proseName = /(?:\.(?:md|mdx|markdown|rst|adoc|txt|html?)|(?:^|\/)(?:README|CHANGELOG|CONTRIBUTING))$/i

/** By the file's name. */
export function syntaxOf(file: string): Syntax {
  if (codeName.test(file)) return 'code'
  return proseName.test(file) ? 'prose' : 'settings'
}
