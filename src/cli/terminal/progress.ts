import type { Output } from './terminal.ts'

/** A line that tells what is going on, once it has taken longer than a second. */
export interface Progress {
  say(text: string): void
  /** Makes room for lines that stay; the next `say` shows it again. */
  clear(): void
  /** Takes the line away. */
  end(): void
}

/** Shows progress where a person is looking; elsewhere nothing is printed. */
export function startProgress(output: Output): Progress {
  if (!output.interactive) return { say: () => undefined, clear: () => undefined, end: () => undefined }
  const started = Date.now()
  let shown = false
  let latest = ''

  function draw(): void {
    shown = true
    output.write(`\r\u001b[2K${latest.slice(0, output.width - 1)}`)
  }
  function clear(): void {
    if (shown) output.write('\r\u001b[2K')
    shown = false
  }
  const timer = setTimeout(draw, 1000)
  timer.unref()

  return {
    say: (text) => {
      latest = text
      if (Date.now() - started >= 1000) draw()
    },
    clear,
    end: () => {
      clearTimeout(timer)
      clear()
    },
  }
}
