import type { Fix } from '../../findings/fix.ts'
import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import { withCommands } from '../alter-command.ts'
import { constraintName } from '../constraint-name.ts'
import { checkOfColumn, domainOf } from '../domain.ts'
import { fileWords } from '../next-step.ts'
import { validation } from '../not-valid-recipe.ts'
import { recipe } from '../recipe.ts'
import type { MigrationDraft, StatementSubject } from '../subject.ts'
import { constraintOf, isKey, notNullAndKeys, readColumn } from './added-column.ts'
import type { AddedColumn, WrittenColumn } from './added-column.ts'
import { backfill, codeRecipe, triggerWords } from './backfill.ts'
import { builtInTypes } from './built-in-types.ts'
import type { RewriteCause } from './rewrite-cause.ts'
import { serialTypes } from '../../sql/serial-types.ts'
import { typeText } from '../type-fit.ts'

/** An ADD COLUMN that has its table written anew. */
export interface RewritingColumn extends AddedColumn {
  /** Undefined where only the server showed the rewrite. */
  cause: RewriteCause | undefined
}

type Advice = { next: string; fixes: Fix[] }

/** How to add a column without writing the table anew. */
export function rewritingColumnRecipe(subject: StatementSubject, added: RewritingColumn): Advice {
  const written = readColumn(subject, added)
  const { declared, draft, name } = added.table
  // The rows of its children are not in the order of its key.
  if (declared?.madeFrom === 'inherits' || draft.inherited.has(name)) {
    return added.cause?.kind === 'stored' ? forStored(subject, written) : inWords(written)
  }
  switch (added.cause?.kind) {
    case 'default':
      return forDefault(subject, written) ?? inWords(written)
    case 'serial':
      return forSerial(subject, written) ?? inWords(written)
    case 'identity':
      return forIdentity(subject, written) ?? inWords(written)
    case 'stored':
      return forStored(subject, written)
    case 'domain':
      return forDomain(subject, written, added.cause.name) ?? inWords(written)
    case undefined:
      return inWords(written)
  }
}

/** The statement with the column added without a value for the rows that are there, and a default for new ones. */
function withDefault({ statement }: StatementSubject, written: WrittenColumn, type: string, value: string): string {
  const { command, head, collation, column } = written
  return withCommands(statement, [[command, `${head}${type}${collation}, ALTER COLUMN ${column} SET DEFAULT ${value}`]])
}

function forDefault(subject: StatementSubject, written: WrittenColumn): Advice | undefined {
  const given = constraintOf(written, 'CONSTR_DEFAULT')
  if (given === undefined || !written.isSimple) return undefined
  const value = given.text.replace(/^default\s*/i, '')
  return codeRecipe(subject, {
    title: 'Add the column without a value, fill it in batches',
    says:
      `Add the column without a value, with the default for new rows, and fill the old rows in ` +
      `batches${then(written)}.${triggerWords(written.table.declared)}`,
    instead: withDefault(subject, written, written.typeText, value),
    then: [fill(written), ...notNullAndKeys(written)],
  })
}

/** What follows the batches, in words. */
function then(written: WrittenColumn): string {
  return notNullAndKeys(written).length > 0 ? '; what the column demands comes last, proven first' : ''
}

function fill({ table, column }: WrittenColumn): MigrationDraft {
  return backfill(table, { column, value: 'DEFAULT', missing: `${column} IS NULL` })
}

function forSerial(subject: StatementSubject, written: WrittenColumn): Advice | undefined {
  const { isSimple, tableText, column, type } = written
  const own = serialTypes.get(type)
  const integer = own && typeText({ type: own, modifiers: [] })
  if (!isSimple || integer === undefined || constraintOf(written, 'CONSTR_DEFAULT')) return undefined
  const sequence = sequenceName(written, 'seq')
  const kind = integer === 'bigint' ? '' : ` AS ${integer}`
  return codeRecipe(subject, {
    title: 'Add the column without a value, fill it in batches',
    says:
      'Add the column without a value, with a sequence for new rows, and number the old rows in batches; NOT NULL comes ' +
      `last, proven first.${triggerWords(written.table.declared)}`,
    instead:
      `CREATE SEQUENCE ${sequence}${kind};\n` +
      `${withDefault(subject, written, integer, `nextval(${literal(sequence)})`)}\n` +
      `ALTER SEQUENCE ${sequence} OWNED BY ${tableText}.${column};`,
    then: [fill(written), ...notNullAndKeys(written, { isNotNull: true })],
  })
}

function forIdentity(subject: StatementSubject, written: WrittenColumn): Advice | undefined {
  const identity = constraintOf(written, 'CONSTR_IDENTITY')
  const { isSimple, tableText, column, typeText, name } = written
  // Options of the sequence may say where it starts.
  if (!isSimple || identity === undefined || identity.node.options?.length) return undefined
  const sequence = sequenceName(written, 'fill')
  const own = `pg_get_serial_sequence(${literal(tableText)}, ${literal(name)})`
  return codeRecipe(subject, {
    title: 'Add the column without a value, fill it in batches',
    says:
      'Add the column without a value, with a sequence for new rows, and number the old rows in batches; then let the ' +
      `identity go on where that sequence stands.${triggerWords(written.table.declared)}`,
    instead:
      `CREATE SEQUENCE ${sequence};\n` + withDefault(subject, written, typeText, `nextval(${literal(sequence)})`),
    then: [
      fill(written),
      ...notNullAndKeys(written, { isNotNull: true }),
      {
        name: fileWords(`make_${column}_an_identity`),
        up:
          `ALTER TABLE ${tableText} ALTER COLUMN ${column} DROP DEFAULT;\n` +
          `ALTER TABLE ${tableText} ALTER COLUMN ${column} ADD ${identity.text};\n` +
          `SELECT setval(${own}, nextval(${literal(sequence)}));\nDROP SEQUENCE ${sequence};`,
        down:
          `CREATE SEQUENCE ${sequence};\nSELECT setval(${literal(sequence)}, nextval(${own}));\n` +
          `ALTER TABLE ${tableText} ALTER COLUMN ${column} DROP IDENTITY;\n` +
          `ALTER TABLE ${tableText} ALTER COLUMN ${column} SET DEFAULT nextval(${literal(sequence)});`,
        outsideTransaction: false,
      },
    ],
  })
}

/** A name for a sequence in the table's schema, as SQL needs it. */
function sequenceName({ table, name }: WrittenColumn, label: string): string {
  return quoteTextName(textName(schemaOfTextName(table.name), `${unqualified(table.name)}_${name}_${label}`))
}

function forStored(subject: StatementSubject, written: WrittenColumn): Advice {
  const { major, command, constraints } = written
  const otherwise =
    'a plain column, a trigger BEFORE INSERT OR UPDATE that computes it, and the old rows filled in batches in a ' +
    'migration of its own; a column that is there cannot become a generated one'
  const stored = constraintOf(written, 'CONSTR_GENERATED')
  const virtual = stored?.text.replace(/\bstored$/i, 'VIRTUAL')
  const at = stored === undefined ? -1 : command.text.indexOf(stored.text)
  const isPlain = constraints.length === 1 && builtInTypes.has(written.type)
  if (major < 18 || stored === undefined || virtual === undefined || virtual === stored.text || at === -1 || !isPlain) {
    return {
      next:
        `There is no way to add a stored column without writing the table anew. Instead: ${otherwise}. Or compute it ` +
        'in a view or in the query. Where the table is small, say so: -- kei: ignore no-rewriting-column: REASON',
      fixes: [],
    }
  }
  const text = `${command.text.slice(0, at)}${virtual}${command.text.slice(at + stored.text.length)}`
  return recipe(subject, {
    title: 'Make it VIRTUAL',
    says:
      'Make it VIRTUAL: it is computed when it is read and nothing is written. It cannot be indexed, nor use functions ' +
      `or types of your own; where it must, ${otherwise}.`,
    instead: withCommands(subject.statement, [[command, text]]),
    then: [],
  })
}

function forDomain(subject: StatementSubject, written: WrittenColumn, type: string): Advice | undefined {
  const { command, head, table, name, column, collation, constraints, tableText } = written
  const domain = domainOf(type, subject)
  const base = domain?.base.replace(/\[\]$/, '') ?? ''
  if (!written.isSimple || domain === undefined || domain.altered || !builtInTypes.has(base)) return undefined
  if (constraints.some(({ node }) => isKey(node)) || domain.default) return undefined
  const named: { name: string; add: string }[] = []
  for (const expression of domain.checks) {
    const own = constraintName(
      table.draft,
      table.name,
      [name],
      'check',
      named.map((each) => each.name),
    )
    const check = checkOfColumn(expression, column)
    named.push({ name: own, add: `ADD CONSTRAINT ${quoteIdentifier(own)} CHECK (${check}) NOT VALID` })
  }
  const rest = constraints.map(({ text }) => ` ${text}`).join('')
  const notNull = domain.notNull && !constraintOf(written, 'CONSTR_NOTNULL') ? ' NOT NULL' : ''
  const commands = [`${head}${domain.baseText}${collation}${rest}${notNull}`, ...named.map(({ add }) => add)]
  return recipe(subject, {
    title: 'Use the base type and a CHECK of the table',
    says:
      `Use the base type, with what ${type} checks as a CHECK of the table: added NOT VALID, and validated in a ` +
      'migration that follows, under a lock that lets reads and writes through:',
    instead: withCommands(subject.statement, [[command, commands.join(', ')]]),
    then: named.length > 0 ? [validation(tableText, named)] : [],
  })
}

/** For what cannot be written out by the text alone. */
function inWords({ table, column, tableText }: WrittenColumn): Advice {
  const { declared, draft, name } = table
  const each =
    declared?.kind === 'partitioned table'
      ? ' of each partition'
      : draft.inherited.has(name)
        ? ' of each table below'
        : ''
  return {
    next:
      `Add ${column} without a value or a constraint, which is instant. Set the default for new rows: ALTER TABLE ` +
      `${tableText} ALTER COLUMN ${column} SET DEFAULT … Fill the old rows${each} in batches that commit, in a ` +
      'migration of its own. Then add its CHECK and REFERENCES NOT VALID and validate them in a later migration, build ' +
      'its indexes CONCURRENTLY, and set NOT NULL where a validated CHECK proves it.',
    fixes: [],
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
