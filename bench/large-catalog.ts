/** How large the database of bench:catalog is. */
export const largeCatalog = { tables: 5000, indexes: 15_000, schemas: 10, views: 500, functions: 500 }

/** How many rows a table has: every tenth has enough for its statistics to count. */
function rowsOf(table: number): number {
  return table % 10 === 0 ? 2000 : 100
}

/**
 * SQL for that database, to be run piece by piece, each in a transaction of its own: the locks of all at once would not
 * fit. Each table has an identity key, a foreign key to the table before it, and three indexes.
 */
export function largeCatalogSql(): string[] {
  const { tables, schemas, views, functions } = largeCatalog
  const nameOf = (table: number) => `s${table % schemas}.t${table}`
  const texts = [Array.from({ length: schemas }, (_, n) => `CREATE SCHEMA s${n};`).join('\n')]
  for (let from = 0; from < tables; from += 250) {
    const statements = Array.from({ length: 250 }, (_, offset) => {
      const table = from + offset
      const name = nameOf(table)
      return [
        `CREATE TABLE ${name} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, before_id bigint,`,
        `  email text NOT NULL, state text NOT NULL DEFAULT 'new', amount numeric(12, 2) CHECK (amount >= 0),`,
        `  details jsonb, created_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);`,
        `INSERT INTO ${name} (before_id, email, amount)`,
        `  SELECT n % 100 + 1, 'user' || n || '@example.com', n FROM generate_series(1, ${rowsOf(table)}) n;`,
        `CREATE INDEX t${table}_before_idx ON ${name} (before_id);`,
        `CREATE INDEX t${table}_state_idx ON ${name} (state, created_at) WHERE deleted_at IS NULL;`,
        ...(table === 0
          ? []
          : [`ALTER TABLE ${name} ADD FOREIGN KEY (before_id) REFERENCES ${nameOf(table - 1)} (id);`]),
        `ANALYZE ${name};`,
      ].join('\n')
    })
    texts.push(statements.join('\n'))
  }
  const others = [
    ...Array.from(
      { length: views },
      (_, n) => `CREATE VIEW s0.v${n} AS SELECT id, email FROM ${nameOf(n)} WHERE deleted_at IS NULL;`,
    ),
    ...Array.from(
      { length: functions },
      (_, n) =>
        `CREATE FUNCTION s0.f${n}(wanted text) RETURNS bigint LANGUAGE sql STABLE ` +
        `AS $$ SELECT count(*) FROM ${nameOf(n)} WHERE state = wanted $$;`,
    ),
  ]
  return [...texts, others.join('\n')]
}
