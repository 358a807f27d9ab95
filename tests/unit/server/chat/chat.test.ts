import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ChatRequestSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { createChat } from '../../../../services/server/chat/chat.js'
import { Sessions } from '../../../../services/server/chat/sessions.js'
import { TokenBucket } from '../../../../services/server/guard/token-bucket.js'
import { LIMITS } from '../../../../services/server/limits.js'
import { noGuard, quietLog } from './quiet-log.js'

const device = new Uint8Array(32)

const log = quietLog()

async function* open() {
  yield create(ChatRequestSchema, { frame: { case: 'open', value: { protocolVersion: 1 } } })
}

test('a device that is blocked between its proof and its session gets none', async () => {
  const newBucket = () => new TokenBucket({ perSecond: 1, burst: 1 })
  const sessions = new Sessions({ limit: 1, newBucket })
  let blocked = false
  const chat = createChat({
    ...{ log, cursorKey: new Uint8Array(32), sessions, limits: LIMITS, operatorHandle: '', now: Date.now },
    passEphemeral: async () => {},
    guardOf: async () => noGuard,
    timing: { pingIntervalMs: 5_000, deadAfterMs: 12_000 },
    proofs: {
      async check() {
        blocked = true
        return device
      },
    },
    async checkDevice(asked) {
      // By now the session has its place, where a ban from here on finds it.
      expect({ asked, size: sessions.size() }).toEqual({ asked: device, size: 1 })
      if (blocked) throw new Error('blocked')
    },
  })
  const context = {
    signal: new AbortController().signal,
    ...{ peer: 'test', address: 'test', proven: () => undefined },
  }
  const frames = chat(open(), context)[Symbol.asyncIterator]()
  await expect(frames.next()).rejects.toThrow('blocked')
  expect(sessions.size()).toBe(0)
})
