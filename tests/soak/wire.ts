// A wire between members and server that can be cut and slowed down.

import { connect, createServer, type Socket } from 'node:net'

export interface Wire {
  port: number
  /** Ends all connections; new ones are taken at once. */
  cut(): void
  /** From here on everything arrives so many ms later. */
  delay(ms: number): void
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** So much may be under way in one direction, in bytes: a sender waits as at a slow line. */
const UNDER_WAY_BYTES = 256 * 1024

export async function openWire(target: number): Promise<Wire> {
  const sockets = new Set<Socket>()
  let delayMs = 0
  const pass = (from: Socket, to: Socket) => {
    let underWay = 0
    let due = 0
    sockets.add(from)
    from.on('data', (chunk: Buffer) => {
      underWay += chunk.length
      if (underWay > UNDER_WAY_BYTES) from.pause()
      // Never before what came before it.
      due = Math.max(due, performance.now() + delayMs)
      const arrive = () => {
        underWay -= chunk.length
        if (!to.destroyed) to.write(chunk)
        if (underWay <= UNDER_WAY_BYTES) from.resume()
      }
      const wait = due - performance.now()
      if (wait > 0 || underWay > chunk.length) setTimeout(arrive, Math.max(wait, 0))
      else arrive()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer(client => {
    const upstream = connect(target, HOST)
    pass(client, upstream)
    pass(upstream, client)
  })
  await new Promise<void>(resolve => server.listen(0, HOST, resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    delay(ms) {
      delayMs = ms
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
