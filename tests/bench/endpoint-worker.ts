// One real endpoint: its texts are sealed, saved, sent, opened and saved again.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import { openLocalEndpoint } from '../../services/endpoint/local.js'
import { spkiFingerprint } from '../../services/rpc/node/certificate.js'
import { sharedNow } from './measure.js'
import type { ServerAddress } from './server-worker.js'
import { answer } from './worker.js'

/** A text says when it was sent, and is as long as a line that a person writes. */
const TEXT_LENGTH = 200

const folder = await mkdtemp(join(tmpdir(), 'parley-bench-'))
/** Of the texts that arrived: how long each took, in ms. */
let taken: number[] = []
const ready = Promise.withResolvers<ConversationNumber>()
const up = Promise.withResolvers<void>()

function onEvent(event: EndpointEvent): void {
  if (event.type === 'message' && !event.entry.own) taken.push(sharedNow() - Number(event.entry.text))
  if (event.type === 'conversation' && event.state === 'ready') ready.resolve(event.conversation)
  if (event.type === 'line' && event.line.state === 'up') up.resolve()
}

const endpoint = await openLocalEndpoint({ folder, requests: 'accept', onEvent })
const stamped = () => String(sharedNow()).padStart(TEXT_LENGTH)

const methods = {
  async start({ server, handle }: { server: ServerAddress; handle: string }) {
    const fingerprint = spkiFingerprint(server.certificate)
    await endpoint.prepare({ handle, address: server, server: { fingerprint, replacesPin: true } })
    endpoint.connect()
    await up.promise
  },
  /** Opens a conversation and waits until it can be written in. */
  async open(handle: string) {
    await endpoint.open(handle)
    await ready.promise
  },
  /** Sends texts as fast as the endpoint takes them; waits while so many are not stored yet. */
  async flood({ seconds, unsent }: { seconds: number; unsent: number }) {
    const conversation = await ready.promise
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      if (endpoint.unsettled().unsent >= unsent) await delay(1)
      else await endpoint.send(conversation, stamped())
    }
  },
  async pace({ perSecond, count }: { perSecond: number; count: number }) {
    const conversation = await ready.promise
    for (let sent = 0; sent < count; sent++) {
      await endpoint.send(conversation, stamped())
      await delay(1000 / perSecond)
    }
  },
  received: async () => taken.length,
  /** The texts that arrived since it was last asked. */
  async latencies() {
    const before = taken
    taken = []
    return before
  },
}
export type EndpointApi = typeof methods

answer(methods, async () => {
  await endpoint.close()
  await rm(folder, { recursive: true, force: true })
})
