/**
 * The whole number after an option on the command line.
 * @throws Error when it is below 1 or none.
 */
export function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(name)
  const value = at === -1 ? fallback : Number(process.argv[at + 1])
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} wants a whole number above 0`)
  return value
}

/**
 * The names after an option on the command line, between commas; all of them without the option.
 * @throws Error for a name that is not one of `all`.
 */
export function namesOption(name: string, all: readonly string[]): readonly string[] {
  const at = process.argv.indexOf(name)
  if (at === -1) return all
  const names = (process.argv[at + 1] ?? '').split(',')
  const unknown = names.find((one) => !all.includes(one))
  if (unknown !== undefined) throw new Error(`${name} does not know ${unknown}. It knows ${all.join(', ')}`)
  return names
}

/**
 * What stands after an option on the command line; undefined without the option.
 * @throws Error when nothing stands after it.
 */
export function textOption(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  if (at === -1) return undefined
  const text = process.argv[at + 1]
  if (text === undefined || text.startsWith('--')) throw new Error(`${name} wants something after it`)
  return text
}
