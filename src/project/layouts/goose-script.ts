/** UTF-16 offsets into the file, end exclusive. */
export interface Stretch {
  start: number
  end: number
}

/** What a goose script runs in each direction, or why goose refuses it. `line` is 1-based. */
export type GooseScript =
  | { mode: 'transaction' | 'statement'; up: Stretch; down?: Stretch }
  | { refused: { code: string; message: string; line: number } }

/**
 * Reads goose's annotations as goose 3.27 does: on lines whose first characters are `--` and that hold `+goose`, in
 * any case, anywhere in the file, even within a statement.
 *
 * goose ends a statement at a line whose last word before a `--` ends in `;`, or at StatementEnd. kei leaves that to
 * the real grammar; what remains of goose's reading is what it refuses: an annotation out of place, text before Up,
 * and an Up whose last statement is unfinished. An unfinished Down only fails a run in that direction.
 * Source: `internal/sqlparser/parser.go`.
 */
export function readGooseScript(text: string): GooseScript {
  let section: 'none' | 'up' | 'down' = 'none'
  let mode: 'transaction' | 'statement' = 'transaction'
  let upStart = 0
  let upEnd = text.length
  let downStart: number | undefined
  let blockLine: number | undefined
  let unfinishedLine: number | undefined

  let line = 0
  for (let start = 0, next = 0; start < text.length; start = next) {
    const newline = text.indexOf('\n', start)
    next = newline === -1 ? text.length : newline + 1
    const content = text.slice(start, newline === -1 ? text.length : newline)
    const trimmed = content.trim()
    line++
    if (trimmed === '') continue

    if (trimmed.startsWith('--') && content.includes('+goose')) {
      const annotation = annotationOf(content)
      switch (annotation) {
        case 'up':
          if (section !== 'none') return refuse(line, 'a second `-- +goose Up`')
          section = 'up'
          upStart = next
          break
        case 'down':
          if (section !== 'up' || blockLine !== undefined) {
            return refuse(line, '`-- +goose Down` does not follow a finished `-- +goose Up`')
          }
          if (unfinishedLine !== undefined) return unfinished(unfinishedLine)
          section = 'down'
          upEnd = start
          downStart = next
          break
        case 'statementbegin':
          if (section === 'none' || blockLine !== undefined) {
            return refuse(line, '`-- +goose StatementBegin` stands before `-- +goose Up` or within another block')
          }
          blockLine = line
          break
        case 'statementend':
          if (blockLine === undefined) return refuse(line, '`-- +goose StatementEnd` ends no block')
          blockLine = undefined
          unfinishedLine = undefined
          break
        case 'no transaction':
          mode = 'statement'
          break
        case 'envsub on':
          return {
            refused: {
              code: 'unsupported-annotation',
              message:
                'The file has `-- +goose ENVSUB ON`: its text depends on environment variables, so kei does not read it',
              line,
            },
          }
        case 'envsub off':
          break
        default:
          return refuse(line, annotation.refused)
      }
      continue
    }

    // Comments before a statement are no part of it.
    if (unfinishedLine === undefined && trimmed.startsWith('--')) continue
    if (section === 'none') return refuse(line, 'text before `-- +goose Up`')
    if (section === 'up') {
      unfinishedLine ??= line
      if (blockLine === undefined && endsStatement(content)) unfinishedLine = undefined
    }
  }

  if (section === 'none') return refuse(1, 'no `-- +goose Up`')
  if (blockLine !== undefined) return refuse(blockLine, '`-- +goose StatementBegin` without its StatementEnd')
  if (unfinishedLine !== undefined) return unfinished(unfinishedLine)
  const up = { start: upStart, end: upEnd }
  return downStart === undefined ? { mode, up } : { mode, up, down: { start: downStart, end: text.length } }
}

const annotations = [
  'up',
  'down',
  'statementbegin',
  'statementend',
  'no transaction',
  'envsub on',
  'envsub off',
] as const

function annotationOf(content: string): (typeof annotations)[number] | { refused: string } {
  if (/^[ \t]/.test(content)) return { refused: 'an annotation that does not stand at the start of its line' }
  const name = content.replaceAll('--', '').replace('+goose', '').trim().toLowerCase()
  const known = annotations.find((annotation) => annotation === name)
  return known ?? { refused: `an annotation that goose does not know: ${JSON.stringify(content.trim())}` }
}

function endsStatement(content: string): boolean {
  const words = content.trim().split(/\s+/)
  const comment = words.findIndex((word) => word.startsWith('--'))
  const last = comment === -1 ? words.at(-1) : words[comment - 1]
  return last?.endsWith(';') ?? false
}

function refuse(line: number, what: string): GooseScript {
  return { refused: { code: 'bad-annotation', message: `goose refuses the file: ${what}`, line } }
}

function unfinished(line: number): GooseScript {
  return {
    refused: {
      code: 'unfinished-statement',
      message:
        'goose refuses the file: the statement that begins here does not end in a line whose last word ends in `;`',
      line,
    },
  }
}
