/** At most `length` UTF-16 code units of a text; what is cut off is said in words. */
export function cutTo(text: string, length: number): string {
  if (text.length <= length) return text
  const kept = text.slice(0, length).replace(/[\ud800-\udbff]$/, '')
  return `${kept} … (${text.length - kept.length} more characters)`
}
