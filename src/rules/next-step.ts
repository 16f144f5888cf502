import type { NewFile } from '../findings/fix.ts'

/** New files as a person reads them: each name, then its text indented. */
export function showFiles(files: readonly NewFile[]): string {
  return files.map(({ file, text }) => `${file}\n${indent(text.trimEnd())}`).join('\n')
}

/** Every line two columns to the right. */
export function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n')
}

/** Lower-case words joined by `_`, as a migration's name has them. */
export function fileWords(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
}
