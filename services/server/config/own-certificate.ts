// The certificate that a server makes for itself. Its key is what clients know the server by, so the key is
// written first and a certificate that is missing (a kill in between) is made again for the same key.

import { generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { DAY_MS } from '../../protocol/time.js'

/** 20 years: the certificate is pinned, not renewed. */
const VALID_DAYS = 20 * 365
/** For clients whose clock is behind. */
const BACKDATED_DAYS = 2
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' }
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }

/** A new ECDSA P-256 key (PKCS #8, PEM). */
export function makeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A certificate (PEM) that the key signs for itself, for host names and IP addresses. */
export async function makeCertificate(key: KeyObject, names: readonly string[]): Promise<string> {
  // Loaded only here: a server makes one certificate in its life. The library needs the metadata first.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const now = Date.now()
  const alternatives = names.map(value => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }))
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Parley server',
    // Positive and without a leading zero, as DER wants it.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    notBefore: new Date(now - BACKDATED_DAYS * DAY_MS),
    notAfter: new Date(now + VALID_DAYS * DAY_MS),
    signingAlgorithm: SIGNING,
    keys: await keyPair(key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

async function keyPair(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const { kty, crv, x, y, d } = key.export({ format: 'jwk' })
  const pair = { kty: kty!, crv: crv!, x: x!, y: y! }
  return {
    privateKey: await webcrypto.subtle.importKey('jwk', { ...pair, d: d! }, CURVE, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('jwk', pair, CURVE, true, ['verify']),
  }
}
