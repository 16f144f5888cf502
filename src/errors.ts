/**
 * Exit codes of both programs, the same for every command.
 * 0 done and clean · 1 the answer is no · 2 usage, configuration or unsupported · 3 cannot connect ·
 * 4 failed, nothing changed · 5 failed part-way, look now · 130 interrupted.
 */
export const exitCodes = {
  clean: 0,
  answerIsNo: 1,
  usage: 2,
  connection: 3,
  failed: 4,
  failedPartWay: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/**
 * What every refusal carries: a stable code, why, and the exact next step.
 * `code` is lower-case words joined by `-` (for example `no-migrations-found`); it is never renamed.
 */
export interface KeiErrorDetails {
  code: string
  message: string
  /** What to do next, as a full sentence or a command. */
  hint?: string
  exitCode: ExitCode
  cause?: unknown
}

/** The only error kei throws on purpose. Anything else that reaches `main` is a defect in kei. */
export class KeiError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: ExitCode

  constructor(details: KeiErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'KeiError'
    this.code = details.code
    this.hint = details.hint
    this.exitCode = details.exitCode
  }
}

type Without<K extends keyof KeiErrorDetails> = Omit<KeiErrorDetails, K>

/** Wrong usage, wrong configuration or something kei does not support: exit 2. */
export function usageError(details: Without<'exitCode'>): KeiError {
  return new KeiError({ ...details, exitCode: exitCodes.usage })
}

/** A server cannot be reached or refuses the session: exit 3. */
export function connectionError(details: Without<'exitCode'>): KeiError {
  return new KeiError({ ...details, exitCode: exitCodes.connection })
}

/** The work failed and nothing was changed: exit 4. */
export function failure(details: Without<'exitCode'>): KeiError {
  return new KeiError({ ...details, exitCode: exitCodes.failed })
}

/** The user interrupted: exit 130. */
export function interrupted(): KeiError {
  return new KeiError({
    code: 'interrupted',
    message: 'Interrupted',
    hint: 'Nothing was changed. Run the command again.',
    exitCode: exitCodes.interrupted,
  })
}
