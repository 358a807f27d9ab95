// Contents that are sealed soundly and lie: in their counts and in what they say of others.

import { random } from '../../support/contract-device.js'
import type { Outgoing } from '../../support/contract-stream.js'
import { type Act, inRoom, type Scene, type Target } from './act.js'
import type { ContentInit } from './program.js'

type Body = NonNullable<ContentInit['body']>

const TEXT = 'a line of an adversary'
const NOTHING = ''

/** `text`: said in it; unless given, the adversary's line. */
const says = (name: string, make: (scene: Scene, target: Target) => ContentInit, text = TEXT): Act => ({
  name,
  run: scene =>
    inRoom(scene, async target => {
      await scene.by.line.send(
        await scene.by.seal(target.group, make(scene, target), text === NOTHING ? undefined : text),
      )
    }),
})

const about = (
  name: string,
  body: (scene: Scene, target: Target & { one: Target['members'][number] }) => Body,
): Act => ({
  name,
  run: scene =>
    inRoom(scene, async target => {
      const one = scene.chance.pick(target.members)
      if (!one) return
      const content = { body: body(scene, { ...target, one }) }
      await scene.by.line.send(await scene.by.seal(target.group, content))
    }),
})

const FAR = 1_000n
const COUNTS = Array.from({ length: 64 }, (_, index) => BigInt(index + 1))

const garbage: Act = {
  name: 'garbage-content',
  run: scene =>
    inRoom(scene, async ({ group }) => {
      await scene.by.line.send(await scene.by.sealBytes(group, random(256)))
    }),
}

const notSealed: Act = {
  name: 'garbage-message',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, states } }) => {
      const epoch = scene.by.engine.epoch(states[0]!)
      const value = { epoch, ciphertext: random(300) }
      await scene.by.line.send({ conversationId, envelope: { case: 'application', value } })
    }),
}

/** The very same ciphertext once more. */
const saysTwice: Act = {
  name: 'same-message-twice',
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const sealed: Outgoing = await scene.by.seal(group, {}, TEXT)
      await scene.by.line.send(sealed, sealed)
    }),
}

const ephemeral: Act = {
  name: 'garbage-presence',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, states } }) => {
      const epoch = scene.by.engine.epoch(states[0]!)
      await scene.by.line.send({
        conversationId,
        envelope: { case: 'ephemeral', value: { epoch, ciphertext: random(200) } },
      })
    }),
}

export const CONTENTS: readonly Act[] = [
  says('text', () => ({})),
  says('count-zero', () => ({ count: 0n })),
  says('count-again', (_, { group }) => ({ count: group.count > 1n ? group.count - 2n : 1n })),
  says('count-far', (_, { group }) => {
    group.count += FAR
    return { count: group.count }
  }),
  says('other-joining', ({ chance }) => ({ joinedEpoch: BigInt(chance.whole(1_000)) })),
  says('resent-of-nothing', ({ chance }) => ({ resentCount: BigInt(chance.whole(100)) })),
  says('no-body', () => ({}), NOTHING),
  says('false-log', ({ chance }) => ({
    logTag: { sequence: BigInt(chance.whole(2 ** 31)), hash: random(32) },
  })),
  about('receipt-of-what-never-was', (_, { one }) => ({
    case: 'receipt',
    value: { delivered: [{ deviceId: one.signatureKey, count: 2n ** 60n }] },
  })),
  about('ask-for-everything-again', (_, { one }) => ({
    case: 'resendRequest',
    value: { deviceId: one.signatureKey, counts: COUNTS },
  })),
  about('nothing-to-resend', () => ({ case: 'nothingToResend', value: { counts: COUNTS } })),
  about('history-given-to-another', (_, { one }) => ({
    case: 'historyGiven',
    value: { deviceId: one.signatureKey },
  })),
  about('name-of-another', ({ honest, chance }) => ({
    case: 'deviceName',
    value: { name: chance.pick(honest) ?? '' },
  })),
  about('admitted-by-nobody', (_, { one }) => ({
    case: 'admitted',
    value: { accountKey: random(32), handle: one.handle },
  })),
  garbage,
  notSealed,
  saysTwice,
  ephemeral,
]
