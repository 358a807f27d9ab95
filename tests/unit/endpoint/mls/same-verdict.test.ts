// Members agree about a commit, however broken it is: either all of them see what is wrong with it, or it is wrong only
// in what is sealed for some.

import { beforeAll, expect, test } from '@jest/globals'
import { make } from '../../../../services/endpoint/mls/commit/commit.js'
import type { MlsContext } from '../../../../services/endpoint/mls/context.js'
import type { Opened } from '../../../../services/endpoint/mls/engine.js'
import { proposalOfSettings } from '../../../../services/endpoint/mls/extensions.js'
import { context } from './forge.js'
import { acceptAll, addAs, commitAs, engineFor, found, type Seat, text } from './people.js'
import { type Random, randomFrom } from './walk.js'

const COMMITS = 25

const engine = await engineFor()
let alice: Seat
let others: Seat[]

beforeAll(async () => {
  alice = await found(engine, 'alice', text('first'))
  others = await addAs(alice, [], ['bob', 'carol', 'dave', 'erin'])
  await commitAs(others[1]!, [alice, others[0]!, others[2]!, others[3]!])
})

/** Cryptography whose outcomes have a wrong bit now and then: in keys, ciphertexts, hashes and signatures. */
function broken({ suite, ...rest }: MlsContext, random: Random): MlsContext {
  const flip = (bytes: Uint8Array, chance: number) => {
    if (random(chance) > 0) return bytes
    const flipped = bytes.slice()
    flipped[random(bytes.length)]! ^= 1 << random(8)
    return flipped
  }
  const { hash, hpke, signature } = suite
  return {
    ...rest,
    suite: {
      ...suite,
      hash: { ...hash, digest: async data => flip(await hash.digest(data), 60) },
      hpke: {
        ...hpke,
        exportPublicKey: async key => flip(await hpke.exportPublicKey(key), 30),
        async seal(...sealed) {
          const { ct, enc } = await hpke.seal(...sealed)
          return { ct: flip(ct, 12), enc: flip(enc, 12) }
        },
      },
      signature: { ...signature, sign: async (...signed) => flip(await signature.sign(...signed), 12) },
    },
  }
}

const isForAll = (opened: Opened) => opened.kind === 'refused' && !opened.perhapsOnlyHere

test.each([1, 2, 3, 4])('of commits with wrong bits anywhere (seed %i)', async seed => {
  const random = randomFrom(seed)
  const verdicts = new Map<string, number>()
  for (let count = 0; count < COMMITS; count++) {
    const removed = random(2) === 0 ? [engine.ownLeaf(others[3]!.state)] : []
    const proposals = [
      ...(random(2) === 0 ? [proposalOfSettings(text('second'))] : []),
      ...removed.map(leaf => ({ proposalType: 'remove' as const, remove: { removed: leaf } })),
    ]
    const { commit } = await make(broken(context, random), alice.state, { proposals })
    const opened = await Promise.all(others.map(seat => engine.open(seat.state, commit, acceptAll)))
    expect(opened.map(isForAll)).toEqual(opened.map(() => opened.some(isForAll)))
    for (const each of opened) {
      const verdict = each.kind === 'refused' ? `refused ${isForAll(each) ? 'by all' : 'here'}` : each.kind
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }
  }
  // Or nothing above has been tried.
  expect([...verdicts.keys()].sort()).toEqual(['commit', 'refused by all', 'refused here', 'removed'])
})
