/**
 * A history with both kinds of statements. Each statement that changes rows would show if it were done twice: it counts
 * up, or it adds a row without a key.
 */
export const tenFiles: Readonly<Record<string, string>> = {
  '01_tables.sql': `
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE account (id int PRIMARY KEY, email text NOT NULL, n int NOT NULL DEFAULT 0, mood mood);
CREATE TABLE log (line text);
CREATE TABLE measure (at int, n int) PARTITION BY RANGE (at);
CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM (0) TO (100);
CREATE TABLE measure_2 PARTITION OF measure FOR VALUES FROM (100) TO (200);
INSERT INTO account SELECT i, 'Name' || i || '@example.com', 0, 'sad' FROM generate_series(1, 50) AS i;
INSERT INTO measure SELECT i, 0 FROM generate_series(0, 199) AS i;
INSERT INTO log VALUES ('tables');
`,
  '02_count.sql': `
UPDATE account SET n = n + 1;
INSERT INTO log SELECT 'count ' || sum(n) FROM account;
CREATE PROCEDURE bump() LANGUAGE sql AS 'UPDATE account SET n = n + 1';
`,
  '03_two_groups.sql': `
BEGIN;
UPDATE account SET n = n + 1;
INSERT INTO log VALUES ('first group');
COMMIT;
UPDATE account SET n = n + 1 WHERE id < 10;
INSERT INTO log VALUES ('second group');
`,
  '04_new_value.sql': `
ALTER TYPE mood ADD VALUE 'happy';
UPDATE account SET n = n + 1;
UPDATE account SET mood = 'happy' WHERE id > 40;
INSERT INTO log SELECT 'happy ' || count(*) FROM account WHERE mood = 'happy';
`,
  '05_inside_and_outside.sql': `
UPDATE account SET n = n + 1;
CREATE INDEX CONCURRENTLY account_n ON account (n);
INSERT INTO log VALUES ('between');
CREATE INDEX CONCURRENTLY account_lower ON account (lower(email));
UPDATE account SET n = n + 1;
`,
  '06_unique_and_partial.sql': `
CREATE UNIQUE INDEX CONCURRENTLY account_email ON account (email) INCLUDE (n);
CREATE INDEX CONCURRENTLY account_happy ON account (id) WHERE mood = 'happy';
INSERT INTO log VALUES ('unique and partial');
`,
  '07_one_by_one.sql': `
-- kei: transaction none
UPDATE account SET n = n + 1;
ALTER TABLE account ADD COLUMN note text DEFAULT 'none';
CALL bump();
DO $$ BEGIN INSERT INTO log VALUES ('do'); END $$;
VACUUM (ANALYZE) account;
INSERT INTO log VALUES ('one by one');
`,
  '08_drop_and_rebuild.sql': `
DROP INDEX CONCURRENTLY account_lower;
INSERT INTO log VALUES ('dropped');
REINDEX INDEX CONCURRENTLY account_n;
REINDEX TABLE CONCURRENTLY account;
`,
  '09_detach.sql': `
UPDATE measure SET n = n + 1;
ALTER TABLE measure DETACH PARTITION measure_1 CONCURRENTLY;
UPDATE measure_1 SET n = n + 1;
`,
  '10_last.sql': `
SET work_mem = '8MB';
INSERT INTO log VALUES (current_setting('work_mem'));
CREATE INDEX CONCURRENTLY ON log (line);
UPDATE account SET n = n + 1;
INSERT INTO log VALUES (current_setting('work_mem'));
VACUUM log;
`,
}
