import { hash } from 'node:crypto'

/**
 * A finding's identity across edits elsewhere in the file: rule, file, the text it stands on with white space
 * folded, and its ordinal among equal ones. 16 hexadecimal digits of SHA-256.
 */
export function fingerprint(parts: { rule: string; place: string; text: string; ordinal?: number }): string {
  const folded = parts.text.replace(/\s+/g, ' ').trim()
  return hash('sha256', [parts.rule, parts.place, folded, String(parts.ordinal ?? 0)].join('\0')).slice(0, 16)
}
