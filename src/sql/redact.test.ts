import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadParser } from './parse.ts'
import { redactSql, redactText } from './redact.ts'

const parser = await loadParser()

/** Long enough not to occur in the statements themselves; anything that can stand in a query. */
/** What the tests write around the secrets has four such characters in a row in many places; a secret never has. */
const plain = /[a-z0-9 =:/@.?&_*]{4}/i
const secret = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .map((text) => text.replaceAll('\0', ''))
  .filter((text) => !/\p{Cs}/u.test(text) && !plain.test(text))
  .map((text) => `Zq§${text}§9x`)

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const escapeLiteral = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const dollarLiteral = (text: string) => `$zz$${text}$zz$`
const keywordValue = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

/** Whether any part of the secret longer than three characters is still there. */
function leaks(output: string, text: string): boolean {
  const characters = [...text]
  for (let i = 0; i + 4 <= characters.length; i++) {
    if (output.includes(characters.slice(i, i + 4).join(''))) return true
  }
  return false
}

describe('redactSql', () => {
  it('takes the password out of every statement that can carry one, and leaves the statement whole', () => {
    const statements: ((text: string) => string)[] = [
      (text) => `CREATE ROLE app LOGIN PASSWORD ${text}`,
      (text) => `alter role app with encrypted password ${text} valid until 'infinity'`,
      (text) => `CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'app', password ${text})`,
      (text) => `ALTER USER MAPPING FOR app SERVER far OPTIONS (SET "password" ${text}, ADD sslpassword ${text})`,
      (text) => `CREATE SERVER far FOREIGN DATA WRAPPER w OPTIONS (host 'h', api_key ${text})`,
      (text) => `UPDATE settings SET smtp_password = ${text} WHERE id = 1`,
    ]
    fc.assert(
      fc.property(
        secret,
        fc.constantFrom(...statements),
        fc.constantFrom(literal, escapeLiteral, dollarLiteral),
        (text, statement, quote) => {
          const output = redactSql(statement(quote(text)))
          expect(leaks(output, text)).toBe(false)
          expect(output).toContain('********')
          expect(parser.parse(output)).toMatchObject({ kind: 'parsed' })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('takes the password out of connection strings in literals, whatever statement they stand in', () => {
    const statements: ((text: string) => string)[] = [
      (text) => `CREATE SUBSCRIPTION s CONNECTION ${text} PUBLICATION p`,
      (text) => `ALTER SUBSCRIPTION s CONNECTION ${text}`,
      (text) => `SELECT * FROM dblink(${text}, 'SELECT 1') AS t(a int)`,
      (text) => `ALTER SYSTEM SET primary_conninfo = ${text}`,
      (text) => `DO ${dollarLiteral(`BEGIN PERFORM dblink_connect(${text.startsWith('$') ? "''" : text}); END`)}`,
    ]
    const connections: ((text: string) => string)[] = [
      (text) => `host=db user=app password=${keywordValue(text)} dbname=shop`,
      (text) => `host=db password = ${keywordValue(text)}`,
      (text) => `postgresql://app:${encodeURIComponent(text)}@db:5432/shop?sslmode=require`,
      (text) => `postgres://db/shop?user=app&password=${encodeURIComponent(text)}&sslmode=require`,
    ]
    fc.assert(
      fc.property(
        secret,
        fc.constantFrom(...statements),
        fc.constantFrom(...connections),
        fc.constantFrom(literal, escapeLiteral, dollarLiteral),
        (text, statement, connection, quote) => {
          const output = redactSql(statement(quote(connection(text))))
          expect(leaks(output, text)).toBe(false)
          expect(leaks(output, encodeURIComponent(text))).toBe(false)
          expect(parser.parse(output)).toMatchObject({ kind: 'parsed' })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('reads code within code', () => {
    const sql = "DO $$ BEGIN EXECUTE 'ALTER ROLE app PASSWORD ''hunter2'''; END $$"
    expect(redactSql(sql)).toBe("DO $$ BEGIN EXECUTE 'ALTER ROLE app PASSWORD ''********'''; END $$")
    expect(redactSql('DO $a$ BEGIN EXECUTE $b$ALTER ROLE app PASSWORD $c$hunter2$c$$b$; END $a$')).toBe(
      'DO $a$ BEGIN EXECUTE $b$ALTER ROLE app PASSWORD $c$********$c$$b$; END $a$',
    )
  })

  it('reads literals that go on after a line break, and Unicode literals', () => {
    expect(redactSql("ALTER ROLE app PASSWORD 'hun' -- first\n 'ter2' VALID UNTIL 'infinity'")).toBe(
      "ALTER ROLE app PASSWORD '********' VALID UNTIL 'infinity'",
    )
    expect(redactSql("ALTER ROLE app PASSWORD U&'hunter\\0032'")).toBe("ALTER ROLE app PASSWORD U&'********'")
  })

  it('reads comments', () => {
    expect(redactSql('SELECT 1 /* postgres://app:hunter2@db/shop */ -- PGPASSWORD=hunter2')).toBe(
      'SELECT 1 /* postgres://app:********@db/shop */ -- PGPASSWORD=********',
    )
  })

  it.each([
    "SELECT format('ALTER ROLE app PASSWORD %L', 'SECRET')",
    "EXECUTE format('ALTER ROLE %I PASSWORD %L VALID UNTIL %L', 'app', 'SECRET', '2030-01-01')",
    "EXECUTE format('ALTER ROLE %2$I PASSWORD %1$L', 'SECRET', 'app')",
    "EXECUTE format('%% %*s %*3$I PASSWORD %L', '1', 'a', '9', 'b', 'SECRET', 'c')",
    "EXECUTE format('ALTER ROLE %I ' || 'PASSWORD %L', 'app', 'SECRET')",
    "EXECUTE format('ALTER ROLE app PASSWORD %L', lower('SECRET'), current_setting('app.password', true))",
    "EXECUTE pg_catalog.format($f$CREATE USER MAPPING FOR app OPTIONS (user %L, password %L)$f$, 'app', E'SECRET')",
    "PERFORM dblink_connect(format('host=%s user=app api_key=%s', 'db', 'SECRET'))",
    "EXECUTE format('ALTER DATABASE %I SET app.jwt_secret TO %L', 'shop', 'SECRET')",
    "SET app.api_key TO 'SECRET'",
    "SET LOCAL app.settings.jwt_secret = 'SECRET'",
    "ALTER DATABASE shop SET app.jwt_secret TO 'SECRET'",
    'ALTER ROLE app IN DATABASE shop SET "app.token" TO \'SECRET\'',
    'ALTER ROLE app SET "app.token" = \'SECRET\'',
    'ALTER SYSTEM SET app.smtp_credentials TO $s$SECRET$s$',
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET app.private_key TO 'SECRET' RETURN 1",
    "SELECT set_config('app.jwt_secret', 'SECRET', true), set_config('app.tenant', 'shop', true)",
    "SELECT pg_catalog.set_config('app.' || 'apikey', lower('SECRET'), is_local => 'true')",
    "v_password text := 'SECRET'; v_name text := 'app'",
    "DECLARE secret CONSTANT text = 'SECRET'; name CONSTANT text = 'app'; BEGIN",
    "DECLARE v_name text = 'app'; v_token varchar(64) NOT NULL DEFAULT 'SECRET'; v_end text DEFAULT 'never'; BEGIN",
    "DECLARE v_token /* old; */ auth.users.token%TYPE := 'SECRET'; BEGIN",
    'SELECT 1 -- the password: SECRET is old',
    'SELECT 1 -- password = SECRET\n, 2 -- password := SECRET',
    'SELECT 1 /* smtp_password: SECRET*/ /* none */',
    'SELECT 1 /* /* password: SECRET*/ */ -- password: SECRET',
    "COMMENT ON ROLE app IS 'for the shop, password: SECRET'",
    'COMMENT ON TABLE t IS $t$Password: SECRET and more$t$',
  ])('takes the secret alone out of %s, also within code', (written) => {
    const quoted = (sql: string) => `'${sql.replaceAll("'", "''")}'`
    const wraps: ((sql: string) => string)[] = [
      (sql) => sql,
      (sql) => `DO $body$ ${sql}\n; END $body$`,
      (sql) => `DO ${quoted(`${sql}\n; END`)}`,
      (sql) => `CREATE FUNCTION g() RETURNS void AS $a$ EXECUTE $b$ ${sql}\n $b$; END $a$ LANGUAGE plpgsql`,
    ]
    for (const wrap of wraps) {
      const sql = wrap(written)
      expect(redactSql(sql.replaceAll('SECRET', 'hunter2'))).toBe(sql.replaceAll('SECRET', '********'))
    }
  })

  it('takes secrets out of text that does not parse', () => {
    expect(redactSql("CREATE ROLE app WITH PASSWORD 'hunter2' LOGN (")).toBe(
      "CREATE ROLE app WITH PASSWORD '********' LOGN (",
    )
    expect(redactSql("CREATE ROLE app PASSWORD 'hunter2\nSELECT 1")).toBe("CREATE ROLE app PASSWORD '********")
    expect(redactSql('CREATE SUBSCRIPTION s CONNECTION "host=db password=hunter2" PUBLICATION p')).toBe(
      'CREATE SUBSCRIPTION s CONNECTION "host=db password=********" PUBLICATION p',
    )
  })

  it('leaves code that only names a password alone', () => {
    for (const sql of [
      'SELECT id FROM users WHERE password = crypt($1, password)',
      "CREATE TABLE users (password text NOT NULL CHECK (password <> ''))",
      'ALTER ROLE app PASSWORD NULL',
      "SET password_encryption = 'scram-sha-256'",
      "SELECT 'https://example.com/a@b', 'mailto:someone@example.com', '10:30'",
      "SET app.token_lifetime TO '3600'; SET search_path TO 'shop', 'public'; SET app.tenant = 'shop'",
      "ALTER DATABASE shop SET timezone TO 'UTC'",
      'SET app.token TO DEFAULT',
      "COPY auth.token TO '/srv/token.csv'",
      "ALTER TYPE secret RENAME VALUE 'a' TO 'b'",
      "SELECT set_config('search_path', '', false), set_config('app.token_lifetime', '3600', true)",
      "SELECT set_config('app.token', current_setting('app.old_token'), true)",
      "SELECT current_setting('app.jwt_secret', true), 'a'",
      "SELECT kind IN ('password', 'token', 'none')",
      "INSERT INTO message VALUES ('password %s is too short', 'en')",
      "INSERT INTO message VALUES ('the password: it is missing')",
      "EXECUTE format('ALTER ROLE %I PASSWORD %L', 'app', v_password) USING 'a'",
      "EXECUTE format('CREATE TABLE %I (password text, token_kind text DEFAULT %L)', 'account', 'session')",
      "SELECT format('%s of %s', 'password', 'app'), 'a'",
      "DECLARE v_password text; v_name text := 'app'; BEGIN v_name := 'shop'; END",
      "DECLARE token CURSOR FOR SELECT id FROM account WHERE name = 'app'",
      "CREATE TABLE account (token text NOT NULL DEFAULT '', kind text DEFAULT 'app')",
      'SELECT 1 -- Password policy: twelve characters, password::text, no password',
      'SELECT 1 /* the password:\n\n is not here */',
      "COMMENT ON COLUMN account.password IS 'A hash: bcrypt. Never the password'",
      "COMMENT ON COLUMN account.token IS 'of the session'; SELECT 'password: none'",
    ]) {
      expect(redactSql(sql)).toBe(sql)
    }
  })
})

describe('redactText', () => {
  it.each([
    ['postgres://app:hunter2@db:5432/shop', 'postgres://app:********@db:5432/shop'],
    ['postgres://app:hun@ter2@db/shop', 'postgres://app:********@db/shop'],
    ['postgres://app:hun/ter?2#x@db/shop', 'postgres://app:********@db/shop'],
    ['"postgres://app:hunter 2@db/shop" is not reachable', '"postgres://app:********@db/shop" is not reachable'],
    ["DATABASE_URL='postgres://app:hun\"ter2@db/shop'", "DATABASE_URL='postgres://app:********@db/shop'"],
    [
      'jdbc:postgresql://db/shop?user=app&password=hunter2&ssl=true',
      'jdbc:postgresql://db/shop?user=app&password=********&ssl=true',
    ],
    ['https://x-token@github.com/a/b.git', 'https://********@github.com/a/b.git'],
    ['host=db password=hun\\ ter&2 user=app', 'host=db password=******** user=app'],
    ["host=db password='hun\\'ter 2' user=app", "host=db password='********' user=app"],
    ['("host=db password=hunter2")', '("host=db password=********")'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=******** psql'],
    ['POSTGRES_PASSWORD: "hunter2"', 'POSTGRES_PASSWORD: "********"'],
    ['{"user":"app","password":"hun\\"ter2","port":5432}', '{"user":"app","password":"********","port":5432}'],
    ["ERROR: in ALTER ROLE app PASSWORD 'hunter2'", "ERROR: in ALTER ROLE app PASSWORD '********'"],
    ["LINE 1: CREATE ROLE app PASSWORD 'hunter2\n  ^", "LINE 1: CREATE ROLE app PASSWORD '********\n  ^"],
    ["EXECUTE 'ALTER ROLE app PASSWORD ''hunter2'''", "EXECUTE 'ALTER ROLE app PASSWORD ''********'''"],
  ])('redacts %s', (text, expected) => {
    expect(redactText(text)).toBe(expected)
  })

  it.each([
    'password authentication failed for user "app"',
    'postgres://app@db/shop',
    'postgres://db:5432/shop',
    'https://registry.example.com/@scope/package',
    'the password: it is missing',
  ])('leaves alone %s', (text) => {
    expect(redactText(text)).toBe(text)
  })

  it('takes any password out of a URL, encoded or not', () => {
    fc.assert(
      fc.property(secret, (text) => {
        const written = text.replaceAll(/\s/gu, '')
        const output = redactText(`cannot connect to postgres://app:${written}@db:5432/shop: refused`)
        expect(output).toBe('cannot connect to postgres://app:********@db:5432/shop: refused')
      }),
    )
  })

  it('does not change what it has already redacted', () => {
    const piece = fc.constantFrom(
      'password',
      '=',
      ':',
      "'",
      '"',
      'x',
      ' ',
      '://',
      'a',
      '@',
      '$$',
      '\\',
      '\n',
      '&',
      'E',
      '?',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const once = redactText(pieces.join(''))
        expect(redactText(once).replaceAll('*', '')).toBe(once.replaceAll('*', ''))
      }),
      { numRuns: 500 },
    )
  })

  it('counts no secrets: a literal may hold any number of them', () => {
    const output = redactSql(`SELECT '${'a://b:hunter2@c '.repeat(200_000)}'`)
    expect(output).not.toContain('hunter2')
    expect(output.match(/\*{8}/g)).toHaveLength(200_000)
  })

  it('takes time in proportion to the text', () => {
    for (const piece of [
      '"a://\\',
      "''a://",
      'a://',
      'password=',
      'password $a$\n',
      'a.a+',
      "password '",
      '://@',
      "PASSWORD ''x",
      "format('PASSWORD %L',",
      "format('PASSWORD %L %*3$s',(('a'",
      "set_config('token','a',(",
      '/* password: x*/',
      '/*password:*/--',
      'DECLARE token ',
      "SET a.token TO 'a'",
    ]) {
      const started = performance.now()
      redactText(piece.repeat(50_000))
      redactSql(piece.repeat(50_000))
      expect(performance.now() - started, piece).toBeLessThan(5_000)
    }
  })
})
