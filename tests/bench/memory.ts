import { type Bench, onStage } from './parts.js'
import type { Row } from './result.js'
import type { ServerKind } from './server-worker.js'

/** Connections before those that are measured: by then all code is compiled and the heap has grown to its size. */
const WARM_UP = 1_000
const CONNECTIONS = 1_000
/** Bytes of the server's memory for each connection. */
const TARGET_BYTES = 40_000
const KB = 1_000

interface PerConnection {
  rss: number
  heap: number
}

/** The memory that a connection with one idle stream costs the server, beside bare servers with as many. */
export async function memory({ say }: Bench): Promise<Row[]> {
  const measure = (kind: ServerKind) =>
    onStage(kind, async ({ server, load, address }): Promise<PerConnection> => {
      say(`${kind}: memory of ${CONNECTIONS} idle connections`)
      const place = { server: address, kind }
      await load.call('enroll', { ...place, count: WARM_UP + CONNECTIONS })
      await load.call('idle', { server: address, count: WARM_UP })
      const before = await server.call('usage', undefined)
      await load.call('idle', { server: address, count: CONNECTIONS })
      const after = await server.call('usage', undefined)
      const per = (which: keyof PerConnection) => (after[which] - before[which]) / CONNECTIONS
      return { rss: per('rss'), heap: per('heap') }
    })
  const http2 = await measure('http2')
  const echo = await measure('echo')
  const relay = await measure('relay')
  return [
    {
      name: 'memory of an idle connection',
      value: relay.rss / KB,
      unit: 'kB',
      raw: [
        { what: 'kB Node HTTP/2', value: http2.rss / KB },
        { what: 'kB echo', value: echo.rss / KB },
      ],
      target: { what: `${TARGET_BYTES / KB} kB`, reached: relay.rss < TARGET_BYTES },
      details: { heapBytes: relay.heap, heapBytesEcho: echo.heap, heapBytesHttp2: http2.heap },
    },
  ]
}
