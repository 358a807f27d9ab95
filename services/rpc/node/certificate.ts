import { createHash, X509Certificate } from 'node:crypto'
import { connect, type TLSSocket } from 'node:tls'
import type { ProbeOptions, SeenCertificate } from '../channel.js'
import { ProbeError, type ProbeReason } from '../error.js'
import { tlsOptions } from './trust.js'

const PROBE_TIMEOUT_MS = 10_000

/**
 * The SHA-256 (32 bytes) of the certificate's SubjectPublicKeyInfo (DER): a server's name in
 * proofs, and what people compare. Throws for what is not a certificate (PEM).
 */
export function spkiFingerprint(certificatePem: string): Uint8Array {
  const { publicKey } = new X509Certificate(certificatePem)
  const digest = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
  return Uint8Array.from(digest)
}

/**
 * One TLS handshake that accepts any certificate, to see which one the server has. Nothing is sent
 * over the connection. Throws ProbeError, or the signal's reason.
 */
export async function probe(options: ProbeOptions): Promise<SeenCertificate> {
  const { host, port, signal, roots, timeoutMs = PROBE_TIMEOUT_MS } = options
  signal?.throwIfAborted()
  const timeout = AbortSignal.timeout(timeoutMs)
  const socket = connect({
    ...tlsOptions(host),
    port,
    rejectUnauthorized: false,
    ...(roots === undefined ? {} : { ca: roots }),
  })
  try {
    await handshaken(socket, AbortSignal.any(signal === undefined ? [timeout] : [timeout, signal]))
    return seen(socket, options)
  } catch (error) {
    signal?.throwIfAborted()
    throw explained(error, options, timeout.aborted)
  } finally {
    socket.destroy()
  }
}

function handshaken(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    // Stays, because a socket may fail again after the first error.
    socket.on('error', reject)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function seen(socket: TLSSocket, { host, port }: ProbeOptions): SeenCertificate {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined || socket.alpnProtocol !== 'h2') {
    throw new ProbeError('not-grpc', `${host}:${port}`)
  }
  const certificate = leaf.toString()
  return {
    certificate,
    fingerprint: spkiFingerprint(certificate),
    authority: socket.authorized,
    notAfter: new Date(leaf.validTo),
  }
}

const REASON_OF_CODE: Record<string, ProbeReason> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'not-found',
  EAI_AGAIN: 'not-found',
  EAI_FAIL: 'not-found',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  EPERM: 'unreachable',
  ETIMEDOUT: 'timeout',
}

function explained(error: unknown, { host, port }: ProbeOptions, timedOut: boolean): ProbeError {
  if (error instanceof ProbeError) return error
  const code = String((error as NodeJS.ErrnoException | undefined)?.code)
  // Errors of the handshake remain: another protocol's bytes, or a connection that is cut.
  const reason = timedOut ? 'timeout' : (REASON_OF_CODE[code] ?? 'not-tls')
  return new ProbeError(reason, `${host}:${port}`, { cause: error })
}
