// As much as the server takes, and more.

import { random } from '../../support/contract-device.js'
import { type Act, inRoom, repeated } from './act.js'

/** Each costs every honest member of the room some ms: a second of floods is a minute for them. */
const SENDS = 60
const LARGE_BYTES = 120 * 1024
const LARGE_SENDS = 5
const CALLS = 20

const texts: Act = {
  name: 'flood-of-texts',
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const sealed = []
      for (let times = 0; times < SENDS; times++)
        sealed.push(await scene.by.seal(group, {}, `flood ${times}`))
      await scene.by.line.send(...sealed)
    }),
}

const large: Act = {
  name: 'flood-of-bytes',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, states } }) => {
      const epoch = scene.by.engine.epoch(states[0]!)
      const value = () => ({ epoch, ciphertext: random(LARGE_BYTES) })
      const envelopes = repeated(LARGE_SENDS, () => ({
        conversationId,
        envelope: { case: 'application' as const, value: value() },
      }))
      await scene.by.line.send(...envelopes)
    }),
}

const ephemerals: Act = {
  name: 'flood-of-presence',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, states } }) => {
      const epoch = scene.by.engine.epoch(states[0]!)
      const envelopes = repeated(SENDS, () => ({
        conversationId,
        envelope: { case: 'ephemeral' as const, value: { epoch, ciphertext: random(200) } },
      }))
      await scene.by.line.send(...envelopes)
    }),
}

const claims: Act = {
  name: 'flood-of-claims',
  async run({ by, honest }) {
    await Promise.all(repeated(CALLS, () => by.exchange({ claimHandles: [...honest] })))
  },
}

const lookups: Act = {
  name: 'flood-of-look-ups',
  async run({ by, honest }) {
    await Promise.all(repeated(CALLS, () => by.exchange({ lookupHandles: [...honest] })))
  },
}

export const FLOODS: readonly Act[] = [texts, large, ephemerals, claims, lookups]
