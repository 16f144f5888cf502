import * as v from 'valibot'
import { severities } from '../findings/finding.ts'
import { defaultConfig, layoutNames, postgresMajors } from './config.ts'

// Messages are what was expected, as a noun phrase: `parse.ts` makes the sentence.
const text = v.string('a string')
const ruleSeverity = v.picklist(['off', ...severities], '"off", "error", "warning" or "note"')

const ruleSetting = v.union(
  [
    ruleSeverity,
    v.pipe(
      v.objectWithRest(
        { severity: v.optional(ruleSeverity) },
        v.union([v.string(), v.number(), v.boolean()], 'a string, a number or a boolean'),
        'an object',
      ),
      v.description("The rule's severity and its options."),
    ),
  ],
  '"off", "error", "warning", "note" or an object with `severity` and the options of the rule',
)

const configuredFolder = v.strictObject(
  {
    dir: v.pipe(text, v.minLength(1, 'the path of a folder'), v.description('The folder, relative to this file.')),
    layout: v.optional(
      v.pipe(
        v.picklist(layoutNames, '"kei", "atlas", "dbmate", "flyway", "golang-migrate", "goose", "prisma" or "sqlx"'),
        v.description('How its files are read. Default: recognised by its files.'),
      ),
    ),
    target: v.optional(v.pipe(text, v.description('The target that it is for: a key of `targets`.'))),
  },
  'an object with `dir`',
)

const connectionString = 'a connection string, or { "env": "NAME" } for the variable that holds it'

const configuredUrl = v.union(
  [
    v.pipe(text, v.minLength(1, connectionString)),
    v.strictObject(
      {
        env: v.pipe(
          text,
          v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'),
          v.description('The environment variable that holds the connection string.'),
        ),
      },
      'an object with `env`',
    ),
  ],
  connectionString,
)

const target = v.strictObject(
  {
    url: v.optional(
      v.pipe(
        configuredUrl,
        v.description(
          'Where it is: postgresql://… or host=… dbname=… or service=…, without a password. Default: what ' +
            'KEI_DATABASE_URL, DATABASE_URL or the PG* variables say.',
        ),
      ),
    ),
    directUrl: v.optional(
      v.pipe(configuredUrl, v.description('The way to the server itself, where `url` leads to a pooler.')),
    ),
    production: v.optional(
      v.pipe(
        v.boolean('true or false'),
        v.description('Whether commands that write ask for its name, or --yes. Default: false.'),
      ),
    ),
  },
  'an object with `url`, `directUrl` or `production`',
)

const targetName = v.pipe(
  text,
  // A person types it, on a command line too.
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'the name of a target: letters, digits, ".", "_" and "-"'),
)

/** PostgreSQL's limit of 63 is on bytes, which a JSON schema cannot count: `parse.ts` does. */
const identifier = (pattern: RegExp, expected: string) => v.pipe(text, v.regex(pattern, expected))

const migrate = v.strictObject(
  {
    schema: v.optional(
      v.pipe(
        identifier(/^(?!pg_)[^\u0000]{1,63}$/, 'the name of a schema, at most 63 bytes and not beginning with "pg_"'),
        v.description(`Schema of the history of migrations. Default: ${defaultConfig.migrate.schema}.`),
      ),
    ),
    role: v.optional(
      v.pipe(
        identifier(/^(?!(?:none|public)$)[^\u0000]{1,63}$/, 'the name of a role, at most 63 bytes'),
        v.description('Role that the migrations run as, and that owns what they make. Default: the one that logs in.'),
      ),
    ),
    lockTimeout: v.optional(
      v.pipe(
        v.number('a number of seconds'),
        v.minValue(0.001, 'at least 0.001 seconds'),
        v.maxValue(86_400, 'at most 86400 seconds'),
        v.description(
          'Seconds that a statement waits for a lock before its group is rolled back and tried again. ' +
            `Default: ${defaultConfig.migrate.lockTimeout}.`,
        ),
      ),
    ),
    retryFor: v.optional(
      v.pipe(
        v.number('a number of seconds'),
        v.minValue(0, 'at least 0 seconds'),
        v.maxValue(86_400, 'at most 86400 seconds'),
        v.description(`Seconds after which a group is not tried again. Default: ${defaultConfig.migrate.retryFor}.`),
      ),
    ),
  },
  'an object',
)

const trace = v.strictObject(
  {
    setup: v.optional(
      v.pipe(
        v.array(v.pipe(text, v.minLength(1, 'the path of an SQL file')), 'an array of paths of SQL files'),
        v.description(
          'SQL files, relative to this one, that run before the history: what the target has and the history does not make.',
        ),
      ),
    ),
    timeZone: v.optional(
      v.pipe(text, v.minLength(1, 'a time zone'), v.description("TimeZone of the sessions. Default: the server's.")),
    ),
    searchPath: v.optional(
      v.pipe(
        text,
        v.minLength(1, 'a search path'),
        v.description('search_path of the sessions. Default: "$user", public.'),
      ),
    ),
    statementTimeout: v.optional(
      v.pipe(
        v.number('a number of seconds'),
        v.minValue(1, 'at least 1 second'),
        v.maxValue(86_400, 'at most 86400 seconds'),
        v.description(
          `Seconds after which a statement is cancelled. Default: ${defaultConfig.trace.statementTimeout}.`,
        ),
      ),
    ),
    maxSize: v.optional(
      v.pipe(
        v.number('a number of megabytes'),
        v.minValue(64, 'at least 64 megabytes'),
        v.maxValue(1_048_576, 'at most 1048576 megabytes'),
        v.description(`Megabytes by which the traced database may grow. Default: ${defaultConfig.trace.maxSize}.`),
      ),
    ),
  },
  'an object',
)

/** The shape of `kei.jsonc`; `schema/kei.schema.json` is made from it. */
export const configSchema = v.pipe(
  v.strictObject(
    {
      $schema: v.optional(v.pipe(text, v.description('Where an editor finds this schema.'))),
      postgres: v.optional(
        v.pipe(
          v.strictObject(
            {
              major: v.optional(
                v.pipe(
                  v.picklist(postgresMajors, '16, 17 or 18'),
                  v.description(`The major of the target. Default: ${defaultConfig.postgres.major}.`),
                ),
              ),
            },
            'an object',
          ),
          v.description('The target.'),
        ),
      ),
      migrations: v.optional(
        v.pipe(
          v.array(configuredFolder, 'an array of objects with `dir`'),
          v.minLength(1, 'at least one folder'),
          v.description('The migration folders. Default: those that are found.'),
        ),
      ),
      mainBranch: v.optional(
        v.pipe(
          text,
          // The part of git's rules for names of references that a pattern could be smuggled through.
          v.regex(
            /^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s~^:?*[\\\u0000-\u001f\u007f]+(?<![/.])$/,
            'the name of a branch',
          ),
          v.description('The branch whose files are released. Default: origin/HEAD, else main or master.'),
        ),
      ),
      rules: v.optional(
        v.pipe(v.record(text, ruleSetting, 'an object'), v.description('By the id of the rule; see `kei rules`.')),
      ),
      trace: v.optional(v.pipe(trace, v.description('How the history is run on the shadow server.'))),
      targets: v.optional(
        v.pipe(
          v.record(targetName, target, 'an object'),
          v.description('The databases that the migrations are meant for, by name; --target names one.'),
        ),
      ),
      migrate: v.optional(v.pipe(migrate, v.description('How `kei migrate` runs.'))),
      failOn: v.optional(
        v.pipe(
          v.picklist(severities, '"error", "warning" or "note"'),
          v.description(`The least severity that makes a check fail. Default: ${defaultConfig.failOn}.`),
        ),
      ),
    },
    'an object',
  ),
  v.title('kei.jsonc'),
  v.description('Configuration of kei.'),
)
