import type { WriteStream } from 'node:tty'

/** Where a command prints: results to `out`, progress and notes to `err`. */
export interface Terminal {
  out: Output
  err: Output
}

export interface Output {
  write(text: string): void
  /** Whether escape sequences for colour may be written. */
  colour: boolean
  /** Whether a person is looking: lines may be rewritten. */
  interactive: boolean
  /** In columns; 100 when it is not a terminal. */
  width: number
}

/** The process's own streams. NO_COLOR and FORCE_COLOR are respected (no-color.org, force-color.org). */
export function processTerminal(): Terminal {
  return { out: output(process.stdout), err: output(process.stderr) }
}

function output(stream: WriteStream): Output {
  const interactive = stream.isTTY === true && process.env['TERM'] !== 'dumb'
  return {
    write: (text) => void stream.write(text),
    colour: coloured(interactive),
    interactive,
    width: Math.max(40, Math.min(stream.columns ?? 100, 120)),
  }
}

function coloured(interactive: boolean): boolean {
  const { NO_COLOR: noColor, FORCE_COLOR: forceColor } = process.env
  if (noColor !== undefined && noColor !== '') return false
  if (forceColor !== undefined && forceColor !== '') return forceColor !== '0'
  return interactive
}
