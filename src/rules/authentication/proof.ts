import type { AuthenticationRecord } from '../../findings/authentication.ts'

/** Whether a client proves who it is by what cannot be guessed: a certificate or a Kerberos ticket. */
export function proves({ method, options }: AuthenticationRecord): boolean {
  return method === 'cert' || method === 'gss' || method === 'sspi' || options.some(({ name }) => name === 'clientcert')
}
