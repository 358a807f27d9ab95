import { X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import type { Trust } from '../channel.js'
import { CertificateRefused } from '../error.js'

/** The options of every TLS connection to a gRPC server. A literal address is no server name. */
export function tlsOptions(host: string): ConnectionOptions {
  return { host, ALPNProtocols: ['h2'], ...(isIP(host) === 0 ? { servername: host } : {}) }
}

/** Credentials for grpc-js, and the last refusal (undefined once a connection was accepted). */
export function trusting(trust: Trust, host: string) {
  const handshake = trust.kind === 'pinned' ? pinned(trust.certificate, host) : authority(trust.roots, host)
  let refused: CertificateRefused | undefined
  const credentials = new CheckedCredentials(async socket => {
    try {
      const secure = await handshake(socket)
      refused = undefined
      return secure
    } catch (error) {
      refused = error instanceof CertificateRefused ? error : undefined
      throw error
    }
  })
  return { credentials, refusal: () => refused }
}

type Handshake = (socket: Socket) => Promise<TLSSocket>

/**
 * Node's own verification is off here, because it refuses a pinned certificate for its issuer, its
 * host name or its age; what is checked instead is that it is the same certificate, byte for byte.
 * TLS itself shows that the server holds its key.
 */
function pinned(certificate: string, host: string): Handshake {
  const expected = new X509Certificate(certificate).raw
  return async socket => {
    const secure = await handshaken({ ...tlsOptions(host), socket, rejectUnauthorized: false })
    const shown = secure.getPeerX509Certificate()?.raw
    if (shown?.equals(expected)) return secure
    secure.destroy()
    throw new CertificateRefused('the server showed another certificate than the one that was pinned')
  }
}

function authority(roots: string | undefined, host: string): Handshake {
  return socket => handshaken({ ...tlsOptions(host), socket, ...(roots === undefined ? {} : { ca: roots }) })
}

/** Resolves after the handshake; rejects with CertificateRefused when Node's verification failed. */
function handshaken(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls(options, () => resolve(secure))
    secure.on('error', error => {
      // Set by Node, to a code or a text, when and only when it was the certificate.
      const reason: unknown = secure.authorizationError
      reject(
        reason ? new CertificateRefused(`the server's certificate was refused: ${error.message}`) : error,
      )
    })
  })
}

type CreateConnector = grpc.ChannelCredentials['_createSecureConnector']

/** TLS by our own handshake. grpc-js offers no public way to check an expired certificate's bytes. */
class CheckedCredentials extends grpc.ChannelCredentials {
  readonly #handshake: Handshake

  constructor(handshake: Handshake) {
    super()
    this.#handshake = handshake
  }

  override _isSecure(): boolean {
    return true
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return this === other
  }

  override _createSecureConnector(
    ...[, , callCredentials]: Parameters<CreateConnector>
  ): ReturnType<CreateConnector> {
    return {
      connect: async socket => ({ socket: await this.#handshake(socket), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials ?? grpc.CallCredentials.createEmpty(),
      destroy: () => {},
    }
  }
}
