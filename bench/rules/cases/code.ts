import { cases } from '../case.ts'
import { table } from './setup.ts'

/** The same hazards inside DO blocks, functions and the strings that they execute. */
export const codeCases = cases(
  {
    id: 'do-create-index',
    sources: ['own DO block'],
    kind: 'blocks',
    hazard: true,
    setup: table,
    sql: 'DO $$\nBEGIN\n  CREATE INDEX t_a_idx ON t (a);\nEND $$;',
  },
  {
    id: 'do-execute-set-not-null',
    sources: ['own EXECUTE of a constant'],
    kind: 'blocks',
    hazard: true,
    setup: table,
    sql: "DO $$\nBEGIN\n  EXECUTE 'ALTER TABLE t ALTER COLUMN a SET NOT NULL';\nEND $$;",
  },
  {
    id: 'do-if-not-exists-type-change',
    sources: ['own DO block'],
    kind: 'blocks',
    hazard: true,
    setup: table,
    sql: `DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attname = 'a') THEN
    ALTER TABLE t ALTER COLUMN a TYPE bigint;
  END IF;
END $$;`,
  },
  {
    id: 'do-drop-column',
    sources: ['own DO block'],
    kind: 'loses',
    hazard: true,
    setup: table,
    sql: 'DO $$\nBEGIN\n  ALTER TABLE t DROP COLUMN b;\nEND $$;',
  },
  {
    id: 'do-execute-drop-table',
    sources: ['own EXECUTE of a constant'],
    kind: 'loses',
    hazard: true,
    setup: table,
    sql: "DO $$\nBEGIN\n  EXECUTE 'DROP TABLE t';\nEND $$;",
  },
  {
    id: 'do-execute-format',
    sources: ['own EXECUTE of a made-up string'],
    kind: 'blocks',
    hazard: true,
    setup: table,
    sql: `DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT relname FROM pg_class WHERE relname = 't' AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('CREATE INDEX ON %I (b)', name);
  END LOOP;
END $$;`,
  },
  {
    id: 'function-called-that-renames',
    sources: ['own function that is called'],
    kind: 'breaks',
    hazard: true,
    setup: table,
    sql: `CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ALTER TABLE t RENAME COLUMN b TO title;
END $$;
SELECT change();
DROP FUNCTION change();`,
  },
  {
    id: 'function-not-called',
    sources: ['own function that is not called'],
    kind: 'blocks',
    hazard: false,
    setup: table,
    sql: `CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE INDEX t_a_idx ON t (a);
END $$;`,
  },
  {
    id: 'do-new-table-and-index',
    sources: ['own DO block'],
    kind: 'blocks',
    hazard: false,
    setup: table,
    sql: 'DO $$\nBEGIN\n  CREATE TABLE u (a int);\n  CREATE INDEX u_a_idx ON u (a);\nEND $$;',
  },
  {
    id: 'do-nothing-there',
    sources: ['own DO block'],
    kind: 'loses',
    hazard: false,
    setup: table,
    sql: "DO $$\nBEGIN\n  RAISE NOTICE 'nothing to do, no DROP TABLE t here';\nEND $$;",
  },
  {
    id: 'do-update-all-rows',
    sources: ['own DO block'],
    kind: 'bulk',
    hazard: true,
    setup: table,
    sql: 'DO $$\nBEGIN\n  UPDATE t SET n = 0;\nEND $$;',
  },
  {
    id: 'procedure-called-that-truncates',
    sources: ['own function that is called'],
    kind: 'loses',
    hazard: true,
    setup: `${table}
CREATE PROCEDURE clear() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t; END $$;`,
    sql: 'CALL clear();',
  },
)
