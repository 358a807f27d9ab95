import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type OutgoingEnvelope, OutgoingEnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { SendQueue } from '../../../../services/server/chat/send-queue.js'
import { TokenBucket } from '../../../../services/server/guard/token-bucket.js'
import { WAITING_SEND_BYTES, WAITING_SENDS } from '../../../../services/server/limits.js'
import { notAMember, outOfOrder, staleEpoch } from '../../../../services/server/store/reasons.js'
import type { AppendOutcome, Place } from '../../../../services/server/store/store.js'
import { noGuard } from './quiet-log.js'

function sends(from: number, count: number, bytes = 10): OutgoingEnvelope[] {
  return Array.from({ length: count }, (_, index) =>
    create(OutgoingEnvelopeSchema, {
      clientSequence: BigInt(from + index),
      envelope: { case: 'application', value: { ciphertext: new Uint8Array(bytes) } },
    }),
  )
}

/** A queue, and the calls of the store, each answered when the test says so. */
function scene(perSecond = 1e6) {
  const calls: {
    numbers: number[]
    answer: (outcomes?: AppendOutcome[]) => void
    fail: (error: Error) => void
  }[] = []
  const waited: Place[] = []
  const failures: unknown[] = []
  let called = Promise.withResolvers<void>()
  const queue = new SendQueue({
    log: {
      append: (_, envelopes) =>
        new Promise((resolve, reject) => {
          const numbers = envelopes.map(({ clientSequence }) => Number(clientSequence))
          const answer = (outcomes?: AppendOutcome[]) =>
            resolve(outcomes ?? numbers.map(() => ({ accepted: true })))
          calls.push({ numbers, answer, fail: reject })
          called.resolve()
          called = Promise.withResolvers()
        }),
    },
    device: new Uint8Array(32),
    bucket: new TokenBucket({ perSecond, burst: perSecond }),
    guard: noGuard,
    deliverTo: after => void waited.push(after),
    onAnswered: () => {},
    onFailure: error => void failures.push(error),
  })
  /** The store's call with this number, when it comes. */
  const call = async (index: number) => {
    while (calls.length <= index) await called.promise
    return calls[index]!
  }
  const told = () => {
    const said: string[] = []
    for (let next = queue.answers.next(() => true); next; next = queue.answers.next(() => true)) {
      const { frame } = next
      if (frame.case === 'accepted') said.push(`accepted ${frame.value.clientSequence}`)
      if (frame.case === 'rejected')
        for (const { clientSequence, reason } of frame.value.sends)
          said.push(`${reason.case} ${clientSequence}`)
    }
    return said
  }
  return { queue, call, calls, waited, failures, told }
}

describe('the send queue', () => {
  test('gives the store one call at a time, with all that came meanwhile, in order', async () => {
    const { queue, call, calls, told } = scene()
    queue.add(sends(1, 2))
    const first = await call(0)
    queue.add(sends(3, 2))
    queue.add(sends(5, 1))
    expect(queue.isIdle()).toBe(false)
    first.answer()
    const second = await call(1)
    expect([first.numbers, second.numbers]).toEqual([
      [1, 2],
      [3, 4, 5],
    ])
    second.answer()
    await queue.settled()
    expect(queue.isIdle()).toBe(true)
    expect(calls).toHaveLength(2)
    expect(told()).toEqual(['accepted 5'])
  })

  test('is full by numbers and by bytes, until the store takes it', async () => {
    for (const many of [sends(2, WAITING_SENDS), sends(2, 16, WAITING_SEND_BYTES / 16)]) {
      const { queue, call } = scene()
      queue.add(sends(1, 1))
      const first = await call(0)
      queue.add(many.slice(1))
      expect(queue.isFull()).toBe(false)
      queue.add(many.slice(0, 1))
      expect(queue.isFull()).toBe(true)
      first.answer()
      const second = await call(1)
      expect(queue.isFull()).toBe(false)
      second.answer()
      await queue.settled()
    }
  })

  test('has delivery go to the place that a rejection waits for', async () => {
    const { queue, call, waited, told } = scene()
    queue.add(sends(1, 3))
    const after = 9
    ;(await call(0)).answer([
      { accepted: true },
      { accepted: false, reason: staleEpoch(4), after },
      { accepted: false, reason: notAMember() },
    ])
    await queue.settled()
    expect(waited).toEqual([after])
    expect(told()).toEqual(['accepted 1', 'staleEpoch 2', 'notAMember 3'])
  })

  test('asks the store for no more than the device may send, and tells when to send the rest', async () => {
    const { queue, call, told } = scene(3)
    queue.add(sends(1, 5))
    const { numbers, answer } = await call(0)
    expect(numbers).toEqual([1, 2, 3])
    answer()
    await queue.settled()
    expect(told()).toEqual(['accepted 3', 'rateLimited 4', 'rateLimited 5'])
  })

  test('stops at a failure, which is told, and counts as settled', async () => {
    const { queue, call, failures, told } = scene()
    queue.add(sends(1, 1))
    const failure = new Error('the disk is gone')
    ;(await call(0)).fail(failure)
    await queue.settled()
    expect(failures).toEqual([failure])
    expect(told()).toEqual([])
  })

  test('keeps from the store a commit whose head is not its own, and answers in the order of the sends', async () => {
    const { queue, call, told } = scene()
    const bad = create(OutgoingEnvelopeSchema, {
      clientSequence: 2n,
      envelope: { case: 'commit', value: { commit: Uint8Array.of(1), head: Uint8Array.of(2) } },
    })
    queue.add([...sends(1, 1), bad, ...sends(3, 1)])
    const { numbers, answer } = await call(0)
    expect(numbers).toEqual([1, 3])
    answer([{ accepted: true }, { accepted: false, reason: outOfOrder(2n) }])
    await queue.settled()
    expect(told()).toEqual(['accepted 1', 'malformed 2', 'outOfOrder 3'])
  })
})
