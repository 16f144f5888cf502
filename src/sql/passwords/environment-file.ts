/** Names of environment files, as globs. */
export const environmentFileGlobs = ['.env', '.env.*', '*.env', '.envrc'] as const

const environmentFile = /(?:^|\/)(?:\.env(?:\.[^/]+)?|[^/]*\.env|\.envrc)$/i

/** Whether a file has environment variables, as `docker run --env-file` and the many readers of `.env` take them. */
export function isEnvironmentFile(path: string): boolean {
  return environmentFile.test(path) && !/\.(?:[cm]?[jt]sx?|py|rb|go|php|java|md|enc|gpg|age|vault|sops)$/i.test(path)
}
