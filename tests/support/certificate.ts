// The library's dependency injection needs it before anything else.
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 3600 * 1000

interface CertificateOptions {
  /** Default: both names of this machine's loopback. */
  names?: { type: 'dns' | 'ip'; value: string }[]
  /** Default: in a year. */
  notAfter?: Date
}

/** A certificate (PEM) that is its own issuer, and its key (PEM, PKCS #8). New at every call. */
export async function selfSigned(options: CertificateOptions = {}): Promise<{ key: string; cert: string }> {
  const names = options.names ?? [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ]
  const notAfter = options.notAfter ?? new Date(Date.now() + 365 * DAY_MS)
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=parley test',
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(notAfter.getTime() - 400 * DAY_MS),
    notAfter,
    extensions: [new BasicConstraintsExtension(true), new SubjectAlternativeNameExtension(names)],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`
  return { key, cert: certificate.toString('pem') }
}
