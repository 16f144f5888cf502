import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { usageError } from '../../errors.ts'
import type { HostCandidate, ResolvedConnection } from './resolve.ts'

/** Whether one attempt is made with TLS, and how. */
export type TlsAttempt = false | ConnectionOptions

/**
 * The attempts to make with one candidate, in order: `allow` begins without TLS, `prefer` with it, and both then try
 * the other way. `require` trusts any certificate, unless there is one to compare with: then it is `verify-ca`. A unix
 * socket never has TLS.
 * Source: PostgreSQL manual, "SSL Support", "Protection Provided in Different Modes".
 * @throws KeiError `certificate-not-readable`, `root-certificate-missing`, `private-key-open`
 */
export function tlsAttempts({ ssl }: ResolvedConnection, candidate: HostCandidate): TlsAttempt[] {
  if (candidate.host.startsWith('/') || ssl.mode === 'disable') return [false]
  const encrypted = tlsOptions(ssl, candidate)
  if (ssl.mode === 'allow') return [false, encrypted]
  return ssl.mode === 'prefer' ? [encrypted, false] : [encrypted]
}

function tlsOptions(ssl: ResolvedConnection['ssl'], { host }: HostCandidate): ConnectionOptions {
  const { mode, rootCertificate: root } = ssl
  const verifies = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && root !== undefined)
  if (verifies && root === undefined) {
    throw usageError({
      code: 'root-certificate-missing',
      message: `sslmode=${mode} needs certificates to trust, and there is no ~/.postgresql/root.crt.`,
      hint: 'Set sslrootcert to the file, to system for the usual authorities, or a weaker sslmode.',
    })
  }
  return {
    // The name to verify, also when `hostaddr` says where to connect.
    host,
    ...(isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: verifies,
    ...(verifies && root !== undefined && root !== 'system' && { ca: readCertificate(root) }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(ssl.certificate !== undefined && { cert: readCertificate(ssl.certificate) }),
    ...(ssl.certificate !== undefined && ssl.key !== undefined && { key: readKey(ssl.key) }),
    ...(ssl.keyPassword !== undefined && { passphrase: ssl.keyPassword }),
  }
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError({
      code: 'certificate-not-readable',
      message: `The certificate file ${path} cannot be read.`,
      hint: 'Check sslrootcert, sslcert and sslkey: `kei connect --explain` shows where they come from.',
      cause: error,
    })
  }
}

/** A key that others may read is refused, as libpq does; root's may be read by its group. */
function readKey(path: string): string {
  const key = readCertificate(path)
  const { mode, uid } = statSync(path)
  if ((mode & (uid === 0 && process.getuid?.() !== 0 ? 0o027 : 0o077)) === 0) return key
  throw usageError({
    code: 'private-key-open',
    message: `Others may read the private key ${path}.`,
    hint: `Run: chmod 0600 ${path}`,
  })
}
