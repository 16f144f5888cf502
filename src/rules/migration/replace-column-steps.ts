import { quoteIdentifier, quoteTextName } from '../../sql/identifier.ts'
import { schemaOfTextName, textName, unqualified } from '../../sql/schema-draft.ts'
import { fileWords } from '../next-step.ts'
import { notNullSteps } from '../not-null-recipe.ts'
import { validation } from '../not-valid-recipe.ts'
import type { MigrationDraft } from '../subject.ts'
import type { Replacement } from './replace-column.ts'
import { addTwin } from './type-change-dependents.ts'
import type { Dependents, MovedConstraint } from './type-change-dependents.ts'

/** The migrations from the filled column to the one in its place. */
export function replacementSteps(replaced: Replacement, rest: Dependents, layout: string): MigrationDraft[] {
  return [
    ...compare(replaced, rest),
    ...rest.keys.map(({ name, columns }) => buildIndex(replaced, `${name}_new`, true, columns)),
    ...rest.indexes.map(({ name, takesName, unique, text }) =>
      buildIndex(replaced, takesName ? `${name}_new` : name, unique, text),
    ),
    ...reference(rest.references),
    ...[...rest.constraints, ...rest.references].flatMap(handOver),
    swap(replaced, rest, layout),
  ]
}

interface NewConstraint {
  name: string
  add: string
}

/** The CHECKs that the copy is whole and, of a NOT NULL column, that no value is missing. */
function copyChecks({ table, tableText, name, copyCheck, isCopied }: Replacement, notNull: boolean): NewConstraint[] {
  const checks = [
    { name: copyCheck, add: `ADD CONSTRAINT ${quoteIdentifier(copyCheck)} CHECK (${isCopied}) NOT VALID` },
  ]
  if (!notNull) return checks
  // A CHECK on every major, so that SET NOT NULL, which it proves, can name its constraint after the column's last name.
  const { first } = notNullSteps(table, tableText, [`${name}_new`], 17)
  return [...checks, ...first.map((add) => ({ name: nameIn(add), add }))]
}

function nameIn(add: string): string {
  const [, name = ''] = /^ADD CONSTRAINT ("(?:[^"]|"")*"|\S+)/.exec(add) ?? []
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}

/** What others write meanwhile is held to the constraints at once, what is there when they are validated. */
function compare(replaced: Replacement, { constraints, notNull }: Dependents): MigrationDraft[] {
  const { tableText, name } = replaced
  const checks = copyChecks(replaced, notNull)
  const isForeign = ({ text }: MovedConstraint) => text.startsWith('FOREIGN KEY')
  const ownChecks = constraints.filter((each) => !isForeign(each)).map(addTwin)
  const foreignKeys = constraints.filter(isForeign).map(addTwin)
  const added = [...checks, ...ownChecks, ...foreignKeys]
  const unproven = constraints.filter(({ validated }) => !validated).map((each) => addTwin(each).name)
  const alter = (commands: readonly string[]) => `ALTER TABLE ${tableText}\n  ${commands.join(',\n  ')};`
  return [
    {
      name: fileWords(`check_${name}_new`),
      up: [alter([...checks, ...ownChecks].map(({ add }) => add)), ...foreignKeys.map(({ add }) => alter([add]))].join(
        '\n',
      ),
      down: alter(added.map((each) => `DROP CONSTRAINT ${quoteIdentifier(each.name)}`)),
      outsideTransaction: false,
    },
    validation(
      tableText,
      added.filter((each) => !unproven.includes(each.name)),
    ),
  ]
}

function buildIndex({ tableText, table }: Replacement, name: string, unique: boolean, text: string): MigrationDraft {
  return {
    name: fileWords(`build_${name}`),
    up: `CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${quoteIdentifier(name)} ON ${tableText} ${text.trim()};`,
    down: `DROP INDEX CONCURRENTLY ${quoteTextName(textName(schemaOfTextName(table.name), name))};`,
    outsideTransaction: true,
  }
}

/** The foreign keys of other tables: each also to the new column, whose unique index is there. */
function reference(references: readonly MovedConstraint[]): MigrationDraft[] {
  return references.flatMap((key) => {
    const table = quoteTextName(key.table)
    const twin = addTwin(key)
    const added: MigrationDraft = {
      name: fileWords(`add_${twin.name}`),
      up: `ALTER TABLE ${table} ${twin.add};`,
      down: `ALTER TABLE ${table} DROP CONSTRAINT ${quoteIdentifier(twin.name)};`,
      outsideTransaction: false,
    }
    return key.validated ? [added, validation(table, [twin])] : [added]
  })
}

/** The old foreign key goes, each lock in a transaction of its own, and the twin takes its name. */
function handOver({ table, name, before, validated }: MovedConstraint): MigrationDraft[] {
  if (before === undefined) return []
  const [alter, old, twin] = [
    `ALTER TABLE ${quoteTextName(table)}`,
    quoteIdentifier(name),
    quoteIdentifier(`${name}_new`),
  ]
  const validate = validated ? `\n${alter} VALIDATE CONSTRAINT ${old};` : ''
  return [
    {
      name: fileWords(`drop_${name}`),
      up: `${alter} DROP CONSTRAINT ${old};`,
      down: `${alter} ADD CONSTRAINT ${old} ${before} NOT VALID;${validate}`,
      outsideTransaction: false,
    },
    {
      name: fileWords(`rename_${name}_new`),
      up: `${alter} RENAME CONSTRAINT ${twin} TO ${old};`,
      down: `${alter} RENAME CONSTRAINT ${old} TO ${twin};`,
      outsideTransaction: false,
    },
  ]
}

function swap(replaced: Replacement, rest: Dependents, layout: string): MigrationDraft {
  const { table, tableText, column, fresh, old, name, declared, typeText, trigger, function: sync } = replaced
  const { keys, indexes, constraints, numbering, notNull } = rest
  const alter = (command: string) => `ALTER TABLE ${tableText} ${command};`
  const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
  const own = `pg_get_serial_sequence(${literal(tableText)}, ${literal(name)})`
  const [copied, ...notNullCheck] = copyChecks(replaced, notNull).map((each) => quoteIdentifier(each.name))
  const moved = constraints.filter(({ before }) => before === undefined)
  const lines = [
    layout === 'kei'
      ? `-- kei: irreversible rows written from now on have no ${old}`
      : `-- kei: ignore-file require-down-or-irreversible: rows written from now on have no ${old}`,
    `DROP TRIGGER ${trigger} ON ${tableText};`,
    `DROP FUNCTION ${sync}();`,
    alter(`DROP CONSTRAINT ${copied ?? ''}`),
  ]
  if (numbering?.kind === 'identity') {
    lines.push(
      `SELECT set_config('kei.next', nextval(${own})::text, true);`,
      alter(`ALTER COLUMN ${column} DROP IDENTITY`),
    )
  } else if (numbering?.kind === 'sequence') {
    const wider = /^(?:bigint|int8)$/i.test(typeText) ? ' AS bigint' : ''
    lines.push(
      `ALTER SEQUENCE ${quoteTextName(numbering.sequence)}${wider} OWNED BY ${tableText}.${fresh};`,
      alter(`ALTER COLUMN ${column} DROP DEFAULT`),
    )
  } else if (declared?.hasDefault) {
    lines.push(alter(`ALTER COLUMN ${column} DROP DEFAULT`))
  }
  for (const each of moved) {
    if (each.text.startsWith('FOREIGN KEY')) {
      // Both rules would have it alone; but without it nobody sets the column, and what its twin sets the trigger undoes.
      for (const rule of ['no-referenced-table-lock', 'no-work-under-exclusive-lock']) {
        lines.push(`-- kei: ignore ${rule}: until the swap ${each.name} sets the column`)
      }
    }
    lines.push(`ALTER TABLE ${quoteTextName(each.table)} DROP CONSTRAINT ${quoteIdentifier(each.name)};`)
  }
  lines.push(...keys.map((key) => alter(`DROP CONSTRAINT ${quoteIdentifier(key.name)}`)))
  if (notNull) lines.push(alter(`ALTER COLUMN ${column} DROP NOT NULL`))
  lines.push(alter(`RENAME COLUMN ${column} TO ${old}`), alter(`RENAME COLUMN ${fresh} TO ${column}`))
  if (notNull) lines.push(alter(`ALTER COLUMN ${column} SET NOT NULL`))
  lines.push(...notNullCheck.map((check) => alter(`DROP CONSTRAINT ${check}`)))
  for (const key of keys) {
    const index = quoteIdentifier(`${key.name}_new`)
    lines.push(alter(`ADD CONSTRAINT ${quoteIdentifier(key.name)} ${key.kind} USING INDEX ${index}`))
  }
  for (const index of indexes.filter(({ takesName }) => takesName)) {
    const named = (label: string) => quoteTextName(textName(schemaOfTextName(table.name), `${index.name}${label}`))
    lines.push(
      `ALTER INDEX ${named('')} RENAME TO ${quoteIdentifier(`${index.name}_old`)};`,
      `ALTER INDEX ${named('_new')} RENAME TO ${quoteIdentifier(index.name)};`,
    )
  }
  for (const each of moved) {
    const [before, after] = [quoteIdentifier(`${each.name}_new`), quoteIdentifier(each.name)]
    lines.push(`ALTER TABLE ${quoteTextName(each.table)} RENAME CONSTRAINT ${before} TO ${after};`)
  }
  if (numbering?.kind === 'identity') {
    lines.push(alter(`ALTER COLUMN ${column} ADD ${numbering.generated}`))
    lines.push(`SELECT setval(${own}, current_setting('kei.next')::bigint);`)
  } else if (numbering?.kind === 'sequence') {
    const sequence = literal(quoteTextName(numbering.sequence))
    lines.push(alter(`ALTER COLUMN ${column} SET DEFAULT nextval(${sequence})`))
  }
  return {
    name: fileWords(`swap_${name}_of_${unqualified(table.name)}`),
    up: lines.join('\n'),
    down: '',
    outsideTransaction: false,
  }
}
