import { redactText } from '../../../sql/redact.ts'

/** How many problems are printed before the rest is a count. */
const shown = 10

/** What stands in the way of `up`, in lines for people: each with its code and what to do. */
export function refusalLines(
  problems: readonly { code: string; message: string; hint?: string | undefined }[],
): string[] {
  const rest = problems.length - shown
  return [
    ...problems
      .slice(0, shown)
      .flatMap(({ code, message, hint }) => [
        ...`error[${code}]: ${redactText(message)}`.split('\n'),
        ...(hint === undefined ? [] : [`  ${hint}`]),
      ]),
    ...(rest > 0 ? [`and ${rest} more problems; --json has all of them`] : []),
  ]
}
