/** Parameters of a connection string whose value is a secret. */
const secretParameter = /\b(?:password|sslpassword|oauth_client_secret|scram_client_key|scram_server_key)\s*=/i

/** `user:password@` after the scheme; the password may hold a `/` or a `?` that should have been percent-encoded. */
const userinfoWithPassword = /^[a-z]+:\/\/[^@/:]*:(?:[^@?]+|[^@/]+)@/i

/**
 * Whether a connection string shows a password: for the refusal while `kei.jsonc` is read. What hides one better
 * (a percent-encoded keyword) is refused when the string is used.
 */
export function holdsPassword(connectionString: string): boolean {
  return userinfoWithPassword.test(connectionString) || secretParameter.test(connectionString)
}
