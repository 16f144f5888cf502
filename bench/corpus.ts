import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a generated folder holds. */
export interface Corpus {
  files: number
  statements: number
  bytes: number
  /** Files with a PL/pgSQL function. */
  plpgsql: number
}

interface Column {
  name: string
  type: string
}

interface Table {
  name: string
  columns: Column[]
  /** Columns that a view reads: they can neither be dropped nor change their type. */
  viewed: Set<string>
}

interface Migration {
  name: string
  statements: string[]
  plpgsql: boolean
}

/**
 * Writes `count` migrations in kei's layout into `folder`, which is emptied first. The same count and seed give the
 * same bytes. Every file runs on an empty PostgreSQL 16, 17 or 18 in the order of the versions. About 30 % create a
 * table with its indexes, 5 % a PL/pgSQL function with a trigger, the rest change what is there by three to five
 * statements.
 */
export function writeCorpus(folder: string, count: number, seed = 20_261_122): Corpus {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const corpus: Corpus = { files: 0, statements: 0, bytes: 0, plpgsql: 0 }
  const history = growHistory(seed)
  for (let number = 0; number < count; number++) {
    const migration = history.next()
    const text = `-- ${migration.name.replaceAll('_', ' ')}: change ${number + 1} of ${count}\n\n${migration.statements.join('\n\n')}\n`
    writeFileSync(join(folder, `${versionOf(number)}_${migration.name}.sql`), text)
    corpus.files += 1
    corpus.statements += migration.statements.length
    corpus.bytes += Buffer.byteLength(text)
    if (migration.plpgsql) corpus.plpgsql += 1
  }
  return corpus
}

/** One more migration that fits after a corpus of `count` files. */
export function nextMigration(count: number, seed = 20_261_122): { file: string; text: string } {
  const history = growHistory(seed)
  for (let number = 0; number < count; number++) history.next()
  const { name, statements } = history.change()
  return { file: `${versionOf(count)}_${name}.sql`, text: `${statements.join('\n\n')}\n` }
}

/** Every seventh hour from the start of 2023, as a 14-digit version. */
export function versionOf(number: number): string {
  const at = new Date(Date.UTC(2023, 0, 1) + number * 7 * 3_600_000)
  return at.toISOString().replace(/\D/g, '').slice(0, 14)
}

/** What tables are named after. */
export const nouns: readonly string[] = `
  account agent asset audit booking budget campaign carrier cart channel claim contact contract coupon credit
  customer deposit device discount document driver employee event expense feature feed folder forecast goal
  grant group image import inspection invoice item job journal label lead ledger license lot machine manifest
  market measure member menu message meter note notice offer office order package page partner payment period
  permit phase plan price product profile project promise quote rating receipt recipe refund region release
  rental report request reservation return review role route rule sale schedule section segment sensor service
  session shift shipment site slot source stage statement station stock store supplier task team template tenant
  term ticket token topic track trade transfer trip unit user vehicle vendor visit voucher wallet warehouse
  workflow zone
`
  .trim()
  .split(/\s+/)

/** Columns to take. */
export const columnPool: readonly Column[] = [
  { name: 'title', type: 'text' },
  { name: 'description', type: 'text' },
  { name: 'status', type: 'text' },
  { name: 'code', type: 'varchar(40)' },
  { name: 'quantity', type: 'integer' },
  { name: 'position', type: 'integer' },
  { name: 'priority', type: 'smallint' },
  { name: 'amount_cents', type: 'bigint' },
  { name: 'rate', type: 'numeric(10, 4)' },
  { name: 'weight', type: 'double precision' },
  { name: 'active', type: 'boolean' },
  { name: 'attributes', type: 'jsonb' },
  { name: 'labels', type: 'text[]' },
  { name: 'external_id', type: 'uuid' },
  { name: 'starts_at', type: 'timestamptz' },
  { name: 'ends_at', type: 'timestamptz' },
  { name: 'due_on', type: 'date' },
  { name: 'archived_at', type: 'timestamptz' },
  { name: 'notes', type: 'text' },
  { name: 'locale', type: 'text' },
]

/** A default for each type of `columnPool`. */
export const constants: Readonly<Record<string, string>> = {
  text: "'none'",
  'varchar(40)': "'A-000'",
  integer: '0',
  smallint: '1',
  bigint: '0',
  'numeric(10, 4)': '0.25',
  'double precision': '1.5',
  boolean: 'false',
  jsonb: `'{}'`,
  'text[]': `'{}'`,
  uuid: `'00000000-0000-0000-0000-000000000000'`,
  timestamptz: 'now()',
  date: 'CURRENT_DATE',
}

/** The schema while it grows, and the next migration for it. */
function growHistory(seed: number): { next: () => Migration; change: () => Migration } {
  const random = xorshift32(seed)
  const tables: Table[] = []
  let names = 0

  function next(): Migration {
    const draw = random()
    if (tables.length < 5 || draw < 0.3) return createTable()
    if (draw < 0.345) return createFunction()
    return change()
  }

  function change(): Migration {
    const table = pick(tables)
    const statements: string[] = []
    const wanted = 3 + Math.floor(random() * 3.3)
    while (statements.length < wanted) statements.push(changeOf(table))
    return { name: `change_${table.name}`, statements, plpgsql: false }
  }

  function createTable(): Migration {
    const number = tables.length
    const name = `${nouns[number % nouns.length]}s${number < nouns.length ? '' : `_${Math.floor(number / nouns.length)}`}`
    const columns = sample(columnPool, 8 + Math.floor(random() * 7))
    const lines = ['  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY', `  name text NOT NULL DEFAULT ''`]
    for (const column of columns) {
      const default_ = random() < 0.4 ? ` NOT NULL DEFAULT ${constants[column.type]}` : ''
      lines.push(`  ${column.name} ${column.type}${default_}`)
    }
    const parents = sample(tables, Math.floor(random() * 3))
    for (const parent of parents) {
      lines.push(`  ${parent.name}_id bigint REFERENCES ${parent.name} (id) ON DELETE CASCADE`)
    }
    lines.push(`  created_at timestamptz NOT NULL DEFAULT now()`)
    const table: Table = { name, columns: columns.map((column) => ({ ...column })), viewed: new Set() }
    tables.push(table)
    const statements = [`CREATE TABLE ${name} (\n${lines.join(',\n')}\n);`]
    for (const parent of parents) {
      statements.push(`CREATE INDEX ${freshName(name, 'fk')} ON ${name} (${parent.name}_id);`)
    }
    statements.push(`CREATE INDEX ${freshName(name, 'created')} ON ${name} (created_at);`)
    statements.push(`CREATE UNIQUE INDEX ${freshName(name, 'name')} ON ${name} (lower(name), id);`)
    if (random() < 0.5) statements.push(`COMMENT ON TABLE ${name} IS 'Rows of the ${name.replaceAll('_', ' ')}.';`)
    return { name: `create_${name}`, statements, plpgsql: false }
  }

  function createFunction(): Migration {
    const table = pick(tables)
    const function_ = freshName(table.name, 'touch')
    const body = [
      'DECLARE',
      '  seen bigint;',
      'BEGIN',
      `  -- Counts what is there and stops when it is too much.`,
      `  SELECT count(*) INTO seen FROM ${table.name} WHERE created_at > now() - interval '1 minute';`,
      '  IF seen > 100000 THEN',
      `    RAISE EXCEPTION 'too many rows in ${table.name}: %', seen;`,
      '  END IF;',
      `  NEW.name := trim(both ' ' FROM NEW.name);`,
      '  RETURN NEW;',
      'END',
    ]
    const statements = [
      `CREATE FUNCTION ${function_}() RETURNS trigger\nLANGUAGE plpgsql\nAS $function$\n${body.join('\n')}\n$function$;`,
      `CREATE TRIGGER ${freshName(table.name, 'trigger')}\n  BEFORE INSERT OR UPDATE ON ${table.name}\n  FOR EACH ROW EXECUTE FUNCTION ${function_}();`,
    ]
    return { name: `guard_${table.name}`, statements, plpgsql: true }
  }

  function changeOf(table: Table): string {
    const { name } = table
    const draw = random()
    const column = pick(table.columns)
    if (draw < 0.26) return addColumn(table)
    if (draw < 0.44) {
      const concurrently = random() < 0.5 ? 'CONCURRENTLY ' : ''
      const using = column.type === 'jsonb' || column.type === 'text[]' ? 'USING gin ' : ''
      return `CREATE INDEX ${concurrently}${freshName(name, column.name)} ON ${name} ${using}(${column.name});`
    }
    if (draw < 0.58) {
      return `UPDATE ${name}\nSET ${column.name} = ${constants[column.type]}\nWHERE ${column.name} IS NULL AND created_at < now() - interval '30 days';`
    }
    if (draw < 0.7) {
      const rows = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, row) => `  ('${name} ${row + 1}', now())`)
      return `INSERT INTO ${name} (name, created_at) VALUES\n${rows.join(',\n')};`
    }
    if (draw < 0.78) return createView(table)
    if (draw < 0.84) return `ALTER TABLE ${name} ALTER COLUMN ${column.name} SET DEFAULT ${constants[column.type]};`
    if (draw < 0.9) {
      return `ALTER TABLE ${name}\n  ADD CONSTRAINT ${freshName(name, 'check')} CHECK (length(name) < ${200 + Math.floor(random() * 800)}) NOT VALID;`
    }
    if (draw < 0.94) return dropColumn(table) ?? addColumn(table)
    if (draw < 0.97)
      return `COMMENT ON COLUMN ${name}.${column.name} IS 'What the ${name} say of ${column.name.replaceAll('_', ' ')}.';`
    return widenColumn(table) ?? addColumn(table)
  }

  function addColumn(table: Table): string {
    const like = pick(columnPool)
    const column: Column = { name: `${like.name}_${names++}`, type: like.type }
    table.columns.push(column)
    const default_ = random() < 0.5 ? ` NOT NULL DEFAULT ${constants[column.type]}` : ''
    return `ALTER TABLE ${table.name} ADD COLUMN ${column.name} ${column.type}${default_};`
  }

  function createView(table: Table): string {
    const columns = sample(table.columns, Math.min(3, table.columns.length))
    for (const column of columns) table.viewed.add(column.name)
    const list = ['id', 'name', ...columns.map((column) => column.name)]
    return `CREATE VIEW ${freshName(table.name, 'view')} AS\nSELECT ${list.join(', ')}\nFROM ${table.name}\nWHERE created_at > now() - interval '1 year'\nORDER BY created_at DESC;`
  }

  function dropColumn(table: Table): string | undefined {
    if (table.columns.length < 4) return undefined
    const column = table.columns.find(({ name }) => !table.viewed.has(name))
    if (column === undefined) return undefined
    table.columns.splice(table.columns.indexOf(column), 1)
    return `ALTER TABLE ${table.name} DROP COLUMN ${column.name};`
  }

  function widenColumn(table: Table): string | undefined {
    const column = table.columns.find(({ name, type }) => type === 'integer' && !table.viewed.has(name))
    if (column === undefined) return undefined
    column.type = 'bigint'
    return `ALTER TABLE ${table.name} ALTER COLUMN ${column.name} TYPE bigint;`
  }

  /** A name that is used once; PostgreSQL cuts names at 63 bytes. */
  function freshName(table: string, purpose: string): string {
    return `${table.slice(0, 24)}_${purpose.slice(0, 24)}_${names++}`
  }

  function pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(random() * from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }

  function sample<T>(from: readonly T[], count: number): T[] {
    const left = [...from]
    const sample: T[] = []
    while (sample.length < count && left.length > 0) {
      sample.push(...left.splice(Math.floor(random() * left.length), 1))
    }
    return sample
  }

  return { next, change }
}

/** Numbers in [0, 1), the same for the same seed on every machine: xorshift32 (Marsaglia, "Xorshift RNGs", 2003). */
export function xorshift32(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}
