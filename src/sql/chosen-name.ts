import type { IndexStmt } from '@pgsql/types'
import { nodeOf } from './statement.ts'

/** NAMEDATALEN of the server, less the zero byte at the end. */
const longestName = 63

/**
 * The name that PostgreSQL chooses for an index or a constraint without one: `table_columns_label`, with a number behind
 * the label where that is taken. Source: ChooseRelationName and makeObjectName of the server's sources.
 * @param table without its schema.
 */
export function chosenName(
  table: string,
  columns: readonly string[],
  label: string,
  isTaken: (name: string) => boolean,
): string {
  for (let pass = 0; ; pass++) {
    const name = objectName(table, columns.join('_'), pass === 0 ? label : `${label}${pass}`)
    if (!isTaken(name)) return name
  }
}

/** What an index's columns put into such a name. Source: ChooseIndexColumnNames. */
export function columnsInIndexName({ indexParams, indexIncludingParams }: IndexStmt): string[] {
  const names: string[] = []
  for (const param of [...(indexParams ?? []), ...(indexIncludingParams ?? [])]) {
    const element = nodeOf(param, 'IndexElem')
    const own = element?.indexcolname ?? element?.name ?? 'expr'
    let name = own
    for (let count = 1; names.includes(name); count++) name = `${own}${count}`
    names.push(name)
  }
  return names
}

/** `first_second_label`, the longer of the first two shortened until it fits. */
function objectName(first: string, second: string, label: string): string {
  const room = longestName - label.length - (second === '' ? 1 : 2)
  let [one, two] = [first, second]
  while (byteLength(one) + byteLength(two) > room) {
    if (byteLength(one) > byteLength(two)) one = withoutLast(one)
    else two = withoutLast(two)
  }
  return [one, ...(two === '' ? [] : [two]), label].join('_')
}

function withoutLast(text: string): string {
  return [...text].slice(0, -1).join('')
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
