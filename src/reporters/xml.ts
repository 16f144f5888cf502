import { printable } from '../sql/printable.ts'
import { printableLines } from './printable-lines.ts'

/** An element; an attribute that is undefined is left out. `content` is XML. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  content = '',
): string {
  const list = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${escapeXml(printable(String(value)))}"`],
  )
  return content === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${content}</${name}>`
}

/** Elements on lines of their own. */
export function lines(elements: readonly string[]): string {
  return elements.length === 0 ? '' : `\n${elements.join('\n')}\n`
}

/** Text of an element. What XML 1.0 cannot hold, and what would harm a terminal, is escaped as `printable` does. */
export function text(value: string): string {
  return escapeXml(printableLines(value).join('\n'))
}

function escapeXml(value: string): string {
  return value
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/\t/g, '&#9;')
    .replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`)
}
