import type { Parameter } from './parameters.ts'

/** A value as the server understands it: a number counts the parameter's own unit. */
export type ParameterValue = boolean | number | string

export type ValueReading = { value: ParameterValue } | { refusal: string }

/**
 * Reads a value as the server does (`parse_and_validate_value` of guc.c). What a string must look like is not judged:
 * that depends on what is installed.
 */
export function readValue(parameter: Parameter, text: string): ValueReading {
  switch (parameter.type) {
    case 'bool': {
      const value = readBoolean(text)
      return value === undefined ? { refusal: `${quoted(text)} is not on or off` } : { value }
    }
    case 'enum': {
      const word = parameter.words.find((each) => each === lowerCase(text) || lowerCase(each) === lowerCase(text))
      return word === undefined ? { refusal: `${quoted(text)} is none of ${listedWords(parameter)}` } : { value: word }
    }
    case 'integer':
    case 'real':
      return readNumber(parameter, text)
    case 'string':
      return { value: text }
  }
}

/** on, off, true, false, yes, no and their beginnings as far as they are distinct, in any case; 1 and 0. */
export function readBoolean(text: string): boolean | undefined {
  const word = lowerCase(text)
  if (word === '') return undefined
  if (word === '1' || word === 'on') return true
  if (word === '0' || word === 'of') return false
  if ('true'.startsWith(word) || 'yes'.startsWith(word)) return true
  if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'off') return false
  return undefined
}

const kibibyte = 1024

/** Bytes, or milliseconds, in one of each unit that a value may have. Largest first, as the server's tables. */
const memoryUnits: readonly (readonly [string, number])[] = [
  ['TB', kibibyte ** 4],
  ['GB', kibibyte ** 3],
  ['MB', kibibyte ** 2],
  ['kB', kibibyte],
  ['B', 1],
]
const timeUnits: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
  ['us', 0.001],
]

/** Bytes or milliseconds in one of a parameter's own unit (`8kB`, `min`); 1 for one without. */
export function sizeOfUnit(unit: string | undefined): number {
  const [, count = '', name = ''] = /^(\d*)(\w+)$/.exec(unit ?? '') ?? []
  const size = [...memoryUnits, ...timeUnits].find(([each]) => each === name)?.[1] ?? 1
  return size * (count === '' ? 1 : Number(count))
}

const leadingSpace = /^[ \t\n\v\f\r]*/
const integerShape = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/
const realShape = /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?/
const largestInteger = 2 ** 31 - 1

function readNumber(parameter: Parameter, text: string): ValueReading {
  const isInteger = parameter.type === 'integer'
  const refusal = `${quoted(text)} is not ${isInteger ? 'an integer' : 'a number'}`
  const start = leadingSpace.exec(text)?.[0].length ?? 0
  const body = text.slice(start)
  // Integers are read as C reads them: 0x is hexadecimal, a leading 0 octal, unless a point or exponent follows.
  const whole = integerShape.exec(body)?.[0] ?? ''
  const asWhole = isInteger && whole !== '' && !/^[.eE]/.test(body.slice(whole.length))
  const hexadecimal = isInteger ? undefined : /^[-+]?0[xX][0-9a-fA-F]+/.exec(body)?.[0]
  // Its digits may be missing before the point, but then neither a sign nor a space stands there.
  const isReal = !isInteger || whole !== '' || text.startsWith('.')
  const digits = asWhole ? whole : (hexadecimal ?? (isReal ? realShape.exec(body)?.[0] : undefined))
  if (digits === undefined) return { refusal }
  const counted = asWhole ? integerOf(digits) : hexadecimal === undefined ? Number(digits) : integerOf(digits)
  const written = body.slice(digits.length).replace(leadingSpace, '')
  let value = counted
  if (written !== '') {
    const units = unitsFor(parameter.unit)
    if (units === undefined) return { refusal: `${quoted(text)} has a unit, and it takes none` }
    const name = written.replace(/[ \t\n\v\f\r]+$/, '')
    const index = units.findIndex(([each]) => each === name)
    const unit = units[index]
    if (unit === undefined) {
      const listed = units.map(([each]) => each).join(', ')
      return { refusal: `${quoted(text)} has a unit that it does not take; units are ${listed}, in this spelling` }
    }
    const own = sizeOfUnit(parameter.unit)
    const next = units[index + 1]
    const multiple = unit[1] / own
    value = counted * multiple
    // A fraction is rounded to a whole number of the next smaller unit.
    if (next !== undefined) value = roundToEven(value / (next[1] / own)) * (next[1] / own)
  }
  if (isInteger) {
    value = roundToEven(value)
    if (value > largestInteger || value < -largestInteger - 1) return { refusal: outside(parameter, text) }
  }
  return value < parameter.min || value > parameter.max ? { refusal: outside(parameter, text) } : { value }
}

function integerOf(digits: string): number {
  const sign = digits.startsWith('-') ? -1 : 1
  const bare = digits.replace(/^[-+]/, '')
  if (/^0x/i.test(bare)) return sign * Number.parseInt(bare, 16)
  return sign * Number.parseInt(bare, bare.startsWith('0') ? 8 : 10)
}

function unitsFor(unit: string | undefined): typeof memoryUnits | undefined {
  if (unit === undefined) return undefined
  return unit.endsWith('B') ? memoryUnits : timeUnits
}

/** Halves go to the even neighbour, as C's rint(). */
function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function outside({ min, max, unit }: Parameter, text: string): string {
  const suffix = unit === undefined ? '' : ` in units of ${unit}`
  return `${quoted(text)} is outside ${min} … ${max}${suffix}`
}

function listedWords({ words }: Parameter): string {
  return words.filter((word) => word !== '').join(', ')
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

/** As the server compares: only ASCII letters have cases. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
