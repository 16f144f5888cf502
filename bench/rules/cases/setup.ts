/** `public.t` with rows: `a` unique and without nulls, `b` text, `c` a time, `d` a number, `n` a third null. */
export const table = `CREATE TABLE t (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  a int, b text, c timestamptz, d numeric(10, 2), n int
);
INSERT INTO t (a, b, c, d, n)
SELECT g, 'row ' || g, timestamptz '2024-01-01 00:00Z' + g * interval '1 hour', g, nullif(g % 3, 0)
FROM generate_series(1, 300) g;`

/** `public.r` with rows, to be referenced by `t.a`. */
export const referenced = `CREATE TABLE r (id int PRIMARY KEY, b text);
INSERT INTO r SELECT g, 'r' || g FROM generate_series(1, 400) g;`

/** `t` referencing `r`. */
export const referencing = `${referenced}
${table}
CREATE INDEX t_a_idx ON t (a);
ALTER TABLE t ADD CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES r (id);`

/** `t` by ranges of `a`, with rows in one partition, `p`. */
export const partitioned = `CREATE TABLE t (a int NOT NULL, b text) PARTITION BY RANGE (a);
CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1000);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 300) g;`

/** A table with rows that could become a partition of `t`. */
export const candidate = `CREATE TABLE q (a int NOT NULL, b text);
INSERT INTO q SELECT g, 'row ' || g FROM generate_series(1000, 1299) g;`

/** A materialized view of `t` that has a unique index. */
export const materialized = `${table}
CREATE MATERIALIZED VIEW m AS SELECT id, a FROM t;
CREATE UNIQUE INDEX m_id_idx ON m (id);`
