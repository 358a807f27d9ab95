// An endpoint whose server says something else than it should: every frame of the contract, on a line that is up. When the
// server is itself again, what two people write arrives.

import { ChatResponseSchema } from '../../../gen/parley/v1/chat_pb.js'
import { KeyExchangeResponseSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { type Chance, chance as chanceOf } from '../../support/chance.js'
import { newTown, type Person } from '../../support/town.js'
import { changedEncoded } from '../mutation.js'
import type { Target } from '../target.js'

/** Messages that are changed in one input. */
const CHANGED = 2
/** Lines that a text is looked for in, as soon as it has come. */
const LAST = 5

export const endpoint: Target = {
  name: 'endpoint',
  share: 1,
  async open() {
    const town = await newTown()
    const relay = await town.server()
    const alice = await town.join('alice', relay)
    let bob = await town.join('bob', relay)
    let said = 0
    const talk = async (from: Person, to: Person) => {
      const text = `line ${++said}`
      await from.write(to.handle, text)
      // All that was said under lies is there before it, so a look at everything each time would take minutes.
      await to.holds(() => to.history(LAST).some(entry => entry.text === text))
    }
    await talk(alice, bob)
    await talk(bob, alice)
    return {
      async run(chance) {
        lie(bob, chance)
        await alice.write('bob', `under a lie ${++said}`)
        await town.clock.settled()
        bob.way.onResponse = bytes => [bytes]
        if (!isStopped(bob)) return
        await bob.close()
        bob = await town.join('bob', relay)
      },
      async check() {
        await talk(alice, bob)
        await talk(bob, alice)
      },
      close: () => town.leave(),
    }
  },
}

/** The server has said that another client has this device's place, or that it is banned: a person starts it again. */
const isStopped = ({ events }: Person): boolean =>
  events.findLast(event => event.type === 'line')?.line.state === 'stopped'

/** The next messages that this person's endpoint is sent are others. */
function lie({ way }: Person, from: Chance): void {
  const chance = chanceOf(from.whole(2 ** 31))
  let left = CHANGED
  way.onResponse = (bytes, { name }) => {
    if (left === 0 || chance.whole(2) === 0) return [bytes]
    left--
    const schema = name === 'Chat' ? ChatResponseSchema : KeyExchangeResponseSchema
    return [changedEncoded(chance, schema, { encoded: bytes })]
  }
}
