import { printable } from '../sql/printable.ts'

/** The lines of someone else's text, each safe to print (see `printable`). */
export function printableLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => printable(line))
}
