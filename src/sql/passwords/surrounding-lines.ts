import { lineEnd, lineStart } from './values.ts'

/** How many lines up and down are looked at. */
const reach = 40
/** In UTF-16 code units, to each side: a line may be a whole minified file. */
const longestPart = 400

/**
 * The lines that belong to the same thing as the one of `at`: itself, those above it that it stands beside or under,
 * those below. Formatted files say so by indentation: YAML must, code and JSON nearly always do. A file without any has
 * its sections (`[name]`).
 */
export function surroundingLines(text: string, at: number): string[] {
  const start = lineStart(text, at)
  const end = lineEnd(text, at)
  const own = text.slice(Math.max(start, at - longestPart), Math.min(end, at + longestPart))
  const width = indentOf(text.slice(start, start + longestPart))
  return [own, ...linesAbove(text, start, width), ...linesBelow(text, end, width)]
}

function linesAbove(text: string, from: number, width: number): string[] {
  const found: string[] = []
  let narrowest = width
  let at = from
  for (let steps = 0; steps < reach && at > 0 && text[at - 1] === '\n'; steps++) {
    const start = lineStart(text, at - 1)
    const line = text.slice(start, Math.min(at - 1, start + longestPart))
    at = start
    if (line.trim() === '') continue
    const indent = indentOf(line)
    if (isSection(line)) return [...found, line]
    // Deeper is part of another thing; at an outer level only the line that opens the level counts.
    if (indent > narrowest || (indent === narrowest && indent < width)) continue
    narrowest = indent
    found.push(line)
  }
  return found
}

function linesBelow(text: string, from: number, width: number): string[] {
  const found: string[] = []
  let at = from
  for (let steps = 0; steps < reach && text[at] === '\n'; steps++) {
    const end = lineEnd(text, at + 1)
    const line = text.slice(at + 1, Math.min(end, at + 1 + longestPart))
    at = end
    if (line.trim() === '') continue
    const indent = indentOf(line)
    if (indent < width || isSection(line)) break
    if (indent === width) found.push(line)
  }
  return found
}

/** What stands before a line's first word; a dash of a list and the sign of a comment count as space. */
function indentOf(line: string): number {
  return /^(?:\s|- |# ?|\/\/ ?)*/.exec(line)?.[0].length ?? 0
}

function isSection(line: string): boolean {
  return /^\s*\[[^\]]+\]\s*$/.test(line)
}
