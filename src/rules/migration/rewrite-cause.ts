import type { ColumnDef } from '@pgsql/types'
import { typeNameOf } from '../../sql/declarations.ts'
import { nodeOf } from '../../sql/statement.ts'
import { domainOf } from '../domain.ts'
import { isInText } from '../new-objects.ts'
import type { StatementSubject } from '../subject.ts'
import { builtInTypes, extensionTypes } from './built-in-types.ts'
import { volatilityOf } from './volatility.ts'
import { serialTypes } from '../../sql/serial-types.ts'

/** Why a new column makes PostgreSQL write every row anew. */
export type RewriteCause =
  | { kind: 'default'; call: string }
  | { kind: 'serial' | 'identity' | 'stored' }
  | { kind: 'domain'; name: string }

/** `unknown`: the text does not show it. */
export type Judgement = RewriteCause | 'none' | 'unknown'

/** Why the column has every row written anew, as far as the text shows it. */
export function rewriteCause(column: ColumnDef, subject: StatementSubject): Judgement {
  const type = typeNameOf(column.typeName)
  if (serialTypes.has(type)) return { kind: 'serial' }
  const constraints = (column.constraints ?? []).flatMap((each) => nodeOf(each, 'Constraint') ?? [])
  for (const { contype, generated_kind } of constraints) {
    if (contype === 'CONSTR_IDENTITY') return { kind: 'identity' }
    if (contype === 'CONSTR_GENERATED') return generated_kind === 's' ? { kind: 'stored' } : 'none'
  }
  const expression = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr
  const own = expression && volatilityOf(expression, subject)
  if (own?.kind === 'volatile') return { kind: 'default', call: own.call }
  const byType = causeOfType(type, expression !== undefined, subject)
  return byType === 'none' && own?.kind === 'unknown' ? 'unknown' : byType
}

/** What a type alone decides: a domain's constraint, or its default where the column has none of its own. */
function causeOfType(type: string, hasDefault: boolean, subject: StatementSubject): Judgement {
  if (type.endsWith('[]') || builtInTypes.has(type) || extensionTypes.has(type)) return 'none'
  const domain = domainOf(type, subject)
  if (domain === undefined) {
    const index = (subject.within ?? subject).statement.index
    return isInText(subject.migration, 'type', type, index) ? 'none' : 'unknown'
  }
  if (domain.altered) return 'unknown'
  const given = hasDefault ? undefined : domain.default
  const volatility = given && volatilityOf(given, subject)
  if (volatility?.kind === 'volatile') return { kind: 'default', call: volatility.call }
  const hasValue = hasDefault || given !== undefined
  // Without a value for the rows that are there it fails, which is no-required-column's to say.
  if (domain.notNull && !hasValue) return 'none'
  if (domain.notNull || domain.checks.length > 0) return { kind: 'domain', name: type }
  const base = causeOfType(domain.base, hasValue, subject)
  if (typeof base === 'object' && base.kind === 'domain') return { kind: 'domain', name: type }
  return base === 'none' && volatility?.kind === 'unknown' ? 'unknown' : base
}
