import { constants, columnPool, nouns, versionOf, xorshift32 } from './corpus.ts'

/** One small change, in both directions. */
export interface SmallMigration {
  version: string
  name: string
  up: string
  down: string
  /** The text is one PL/pgSQL function, whose body holds semicolons. */
  plpgsql: boolean
}

interface Change {
  name: string
  /** Statements. */
  up: string[]
  down: string
  plpgsql?: boolean
}

export interface SmallHistory {
  migrations: SmallMigration[]
  /** Of the up sections. */
  statements: number
  /** Of the up sections. */
  bytes: number
  /** The tables, indexes and functions that are there when all has run. */
  objects: string[]
}

/**
 * The history of a project that makes one small change at a time: about 25 % of the migrations create a table with an
 * index, 30 % add a column, 20 % an index, 15 % insert up to six rows, 10 % create a PL/pgSQL function. The same count
 * and seed give the same bytes. It runs on an empty PostgreSQL 16, 17 or 18 in the order of the versions.
 */
export function smallHistory(count: number, seed = 20_261_122): SmallHistory {
  const random = xorshift32(seed)
  const tables: string[] = []
  const objects: string[] = []
  const history: SmallHistory = { migrations: [], statements: 0, bytes: 0, objects }

  for (let number = 0; number < count; number++) {
    const { name, up, down, plpgsql = false } = change(number)
    const migration = {
      version: versionOf(number),
      name,
      up: `-- ${name.replaceAll('_', ' ')}: change ${number + 1} of ${count}\n\n${up.join('\n\n')}\n`,
      down: `${down}\n`,
      plpgsql,
    }
    history.migrations.push(migration)
    history.statements += up.length
    history.bytes += Buffer.byteLength(migration.up)
  }
  return history

  function change(number: number): Change {
    const draw = random()
    if (tables.length < 5 || draw < 0.25) return createTable()
    const table = pick(tables)
    if (draw < 0.55) return addColumn(table, number)
    if (draw < 0.75) return createIndex(table, number)
    if (draw < 0.9) return insert(table, number)
    return createFunction(table, number)
  }

  function createTable(): Change {
    const number = tables.length
    const table = `${nouns[number % nouns.length]}s${number < nouns.length ? '' : `_${Math.floor(number / nouns.length)}`}`
    const columns = columnPool.filter(() => random() < 0.3).map(({ name, type }) => `  ${name} ${type},\n`)
    tables.push(table)
    objects.push(table, `${table}_created_idx`)
    return {
      name: `create_${table}`,
      up: [
        `CREATE TABLE ${table} (\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n  name text NOT NULL,\n${columns.join('')}  created_at timestamptz NOT NULL DEFAULT now()\n);`,
        `CREATE INDEX ${table}_created_idx ON ${table} (created_at);`,
      ],
      down: `DROP TABLE ${table};`,
    }
  }

  function addColumn(table: string, number: number): Change {
    const { name, type } = pick(columnPool)
    const column = `${name}_${number}`
    const default_ = random() < 0.5 ? ` NOT NULL DEFAULT ${constants[type]}` : ''
    return {
      name: `add_${column}_to_${table}`,
      up: [`ALTER TABLE ${table} ADD COLUMN ${column} ${type}${default_};`],
      down: `ALTER TABLE ${table} DROP COLUMN ${column};`,
    }
  }

  function createIndex(table: string, number: number): Change {
    const index = `${table}_name_${number}_idx`
    objects.push(index)
    const expression = pick(['name', 'lower(name)', 'name, created_at', 'created_at DESC, name'])
    return {
      name: `index_${table}`,
      up: [`CREATE INDEX ${index} ON ${table} (${expression});`],
      down: `DROP INDEX ${index};`,
    }
  }

  function insert(table: string, number: number): Change {
    const names = Array.from(
      { length: 1 + Math.floor(random() * 6) },
      (_, row) => `'${table} ${number}; row ${row + 1}'`,
    )
    return {
      name: `fill_${table}`,
      up: [`INSERT INTO ${table} (name) VALUES\n${names.map((name) => `  (${name})`).join(',\n')};`],
      down: `DELETE FROM ${table} WHERE name IN (${names.join(', ')});`,
    }
  }

  function createFunction(table: string, number: number): Change {
    const function_ = `count_${table}_${number}`
    objects.push(function_)
    const body = [
      'DECLARE',
      '  seen bigint;',
      'BEGIN',
      `  SELECT count(*) INTO seen FROM ${table} WHERE created_at > now() - interval '1 day';`,
      '  RETURN seen;',
      'END',
    ]
    return {
      name: function_,
      up: [
        `CREATE FUNCTION ${function_}() RETURNS bigint\nLANGUAGE plpgsql\nAS $function$\n${body.join('\n')}\n$function$;`,
      ],
      down: `DROP FUNCTION ${function_}();`,
      plpgsql: true,
    }
  }

  function pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(random() * from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }
}
