/** Where a value came from. */
export type Origin =
  | { kind: 'connection string'; given: string }
  | { kind: 'service'; service: string; file: string }
  | { kind: 'environment'; variable: string }
  /** @param anyHost set when the line is for any host. */
  | { kind: 'password file'; file: string; line: number; anyHost?: true }
  | { kind: 'operating system' }
  | { kind: 'default' }

export interface Parameter {
  keyword: string
  value: string
  origin: Origin
}

/** Where a value came from, in a few words. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'connection string':
      return origin.given
    case 'service':
      return `service ${origin.service} in ${origin.file}`
    case 'environment':
      return origin.variable
    case 'password file':
      return `${origin.file}:${origin.line}`
    case 'operating system':
      return 'name of the operating system user'
    case 'default':
      return 'default'
  }
}
