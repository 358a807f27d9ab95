import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'

/** A connection that has not finished its handshake by then is closed. */
const HANDSHAKE_MS = 15_000

/** A listening socket. */
interface Listener {
  port: number
  /** Takes no more connections; resolves when the last one is gone. */
  close(): Promise<void>
  /** Closes every connection, whatever it is doing. After close(). */
  destroy(): Promise<void>
}

interface ListenOptions {
  host: string
  port: number
  /** PEM. */
  tls: { key: string; cert: string }
  /** Asked for every connection before its handshake, by address. undefined: it is closed; else called at its end. */
  admit?: ((address: string) => (() => void) | undefined) | undefined
  /** Takes over a connection that has finished its handshake and speaks HTTP/2. */
  accept(socket: TLSSocket): void
}

/**
 * Listens with TLS. Our own listener, whose sockets are handed to grpc-js, and not that of grpc-js:
 * so that errors keep their code (its bindAsync flattens them to a text, and takes one of two
 * addresses for success), and so that a stop also closes sockets that never finished a handshake,
 * which it does not know of.
 *
 * Throws what node:net and node:tls throw (see serve()).
 */
export async function listen({ host, port, tls, admit, accept }: ListenOptions): Promise<Listener> {
  const options = { ...tls, ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_MS, noDelay: true }
  const listener = createServer(options, socket => {
    // A peer that breaks off is no news, and nothing else listens after the HTTP/2 session's end.
    socket.on('error', () => {})
    // Some speak TLS without naming a protocol in it; no gRPC client does.
    if (socket.alpnProtocol === 'h2') accept(socket)
    else socket.destroy()
  })
  const sockets = new Set<Socket>()
  // Before the listener of tls, which begins the handshake: that is what a connection costs most.
  listener.prependListener('connection', (socket: Socket) => {
    const leave = admit ? admit(socket.remoteAddress ?? '') : () => undefined
    if (!leave) return void socket.destroy()
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      leave()
    })
  })
  // Not TLS, or a handshake broken off: tls has closed the socket already.
  listener.on('tlsClientError', () => {})

  listener.listen({ host, port })
  await once(listener, 'listening')
  const closed = new Promise<void>(resolve => listener.once('close', () => resolve()))
  return {
    port: (listener.address() as AddressInfo).port,
    close() {
      listener.close()
      return closed
    },
    destroy() {
      for (const socket of sockets) socket.destroy()
      return closed
    },
  }
}
