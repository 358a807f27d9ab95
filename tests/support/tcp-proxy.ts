// A wire between client and server that a test can listen on, freeze and cut.

import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  port: number
  /** 127.0.0.1:PORT, to dial instead of the server. */
  address: string
  /** All bytes of both directions so far, in the order in which they passed. */
  recorded(): Buffer
  /** From here on connections are taken, but nothing passes. */
  freeze(): void
  /** Everything passes again, what was held back first. */
  thaw(): void
  /** Breaks all connections, and each new one at once, until it comes up. */
  goDown(): void
  comeUp(): void
  close(): Promise<void>
}

/** Forwards to a port of this machine. */
export async function tcpProxy(target: number): Promise<TcpProxy> {
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  let frozen = false
  let isDown = false
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', chunk => {
      chunks.push(chunk)
      to.write(chunk)
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    if (frozen) from.pause()
  }
  const server = createServer(client => {
    if (isDown) return void client.destroy()
    const upstream = connect(target, '127.0.0.1')
    pass(client, upstream)
    pass(upstream, client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    port,
    address: `127.0.0.1:${port}`,
    recorded: () => Buffer.concat(chunks),
    freeze() {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      frozen = false
      for (const socket of sockets) socket.resume()
    },
    goDown() {
      isDown = true
      for (const socket of sockets) socket.destroy()
    },
    comeUp() {
      isDown = false
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
