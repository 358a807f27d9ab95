import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { spkiFingerprint } from '../../rpc/node/certificate.js'
import { makeCertificate, makeKey } from './own-certificate.js'
import { codeOf, StartError } from './start-error.js'

export const KEY_FILE = 'tls-key.pem'
export const CERTIFICATE_FILE = 'tls-cert.pem'

export interface GivenTls {
  /** Paths of PEM files; the certificate's may hold its chain after it. */
  certificateFile: string
  keyFile: string
}

export interface ServerTls {
  /** PEM. */
  key: string
  cert: string
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo: the server's name in proofs and invite links. */
  fingerprint: Uint8Array
}

/** Reads the given key and certificate. Throws StartError, which names the file and what is wrong. */
export async function loadGivenTls(
  { certificateFile, keyFile }: GivenTls,
  now = new Date(),
): Promise<ServerTls> {
  const cert = await readText(certificateFile)
  const key = await readText(keyFile)
  const certificate = parseCertificate(cert, certificateFile)
  if (!certificate.checkPrivateKey(parseKey(key, keyFile)))
    throw new StartError(`the key in ${keyFile} does not belong to the certificate in ${certificateFile}`)
  if (new Date(certificate.validTo) < now)
    throw new StartError(`the certificate in ${certificateFile} expired on ${certificate.validTo}: renew it`)
  if (new Date(certificate.validFrom) > now)
    throw new StartError(
      `the certificate in ${certificateFile} is valid only from ${certificate.validFrom}: is the clock right?`,
    )
  return { key, cert, fingerprint: spkiFingerprint(cert) }
}

/**
 * Reads the server's own key and certificate from the folder, and makes what is missing: at first both.
 * `names`: host names and addresses that it goes by, besides this machine's.
 */
export async function loadOwnTls(folder: string, names: readonly string[] = []): Promise<ServerTls> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const keyFile = join(folder, KEY_FILE)
  const certificateFile = join(folder, CERTIFICATE_FILE)
  const cert = await readIfThere(certificateFile)
  const key = await readIfThere(keyFile)
  if (key === undefined && cert !== undefined)
    throw new StartError(
      `${keyFile} is missing: bring it back from a backup, or remove ${certificateFile} too to begin with a new ` +
        'key, whose fingerprint every client then has to accept',
    )
  const ownKey = key ?? (await writeNew(keyFile, makeKey()))
  const parsed = parseKey(ownKey, keyFile)
  const ownCert = cert ?? (await writeNew(certificateFile, await makeCertificate(parsed, allNames(names))))
  if (!parseCertificate(ownCert, certificateFile).checkPrivateKey(parsed))
    throw new StartError(`${certificateFile} does not belong to ${keyFile}: remove it, and it is made again`)
  return { key: ownKey, cert: ownCert, fingerprint: spkiFingerprint(ownCert) }
}

function allNames(names: readonly string[]): string[] {
  const host = hostname()
  // A name that is no host name (a machine may be called anything) would make the certificate unreadable to others.
  const own = /^[a-z0-9.-]+$/i.test(host) ? [host] : []
  return [...new Set(['localhost', ...own, '127.0.0.1', '::1', ...names])]
}

/** Puts a whole file into its place or none, and lets only its owner read it. Returns the text. */
async function writeNew(path: string, text: string): Promise<string> {
  const unfinished = `${path}.new`
  try {
    await rm(unfinished, { force: true })
    const file = await open(unfinished, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
    return text
  } catch (error) {
    throw new StartError(`${path} cannot be written: ${codeOf(error)}`)
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new StartError(`${path} cannot be read: ${codeOf(error)}`)
  }
}

async function readText(path: string): Promise<string> {
  const text = await readIfThere(path)
  if (text === undefined) throw new StartError(`${path} cannot be read: there is no such file`)
  return text
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new StartError(`${path} holds no private key (PEM, without a passphrase)`)
  }
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    // X509Certificate takes DER as well, but TLS is given PEM.
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return new X509Certificate(pem)
  } catch {}
  throw new StartError(`${path} holds no certificate (PEM)`)
}
