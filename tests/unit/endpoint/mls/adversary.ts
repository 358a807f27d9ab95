// A room of four, of whom alice has an altered program: she makes commits that are signed and encrypted as they must be.

import { expect } from '@jest/globals'
import { make } from '../../../../services/endpoint/mls/commit/commit.js'
import type { MlsContext } from '../../../../services/endpoint/mls/context.js'
import type { LeafNode, Proposal } from '../../../../services/endpoint/mls/library.js'
import { context } from './forge.js'
import { addAs, agreed, commitAs, engineFor, found, type Seat, text } from './people.js'

export const engine = await engineFor()

export interface Four {
  alice: Seat
  bob: Seat
  carol: Seat
  dave: Seat
}

export async function four(): Promise<Four> {
  const alice = await found(engine, 'alice', text('first'))
  const [bob, carol, dave] = (await addAs(alice, [], ['bob', 'carol', 'dave'])) as [Seat, Seat, Seat]
  await commitAs(carol, [alice, bob, dave])
  return { alice, bob, carol, dave }
}

export const removal = (seat: Seat): Proposal => ({
  proposalType: 'remove',
  remove: { removed: engine.ownLeaf(seat.state) },
})

/** Of alice, with other cryptography, another leaf or other proposals; it removes dave unless told otherwise. */
export async function madeWith(
  { alice, dave }: Four,
  change: { context?: MlsContext; leaf?: (leaf: LeafNode) => void; proposals?: Proposal[] } = {},
): Promise<Uint8Array> {
  const ratchetTree = structuredClone(alice.state.ratchetTree)
  const own = ratchetTree[0]
  if (own?.nodeType === 'leaf') change.leaf?.(own.leaf)
  const proposals = change.proposals ?? [removal(dave)]
  return (await make(change.context ?? context, { ...alice.state, ratchetTree }, { proposals })).commit
}

/** Refused by bob, whom it leaves in, and by dave, whom it may remove, without their policies; the next commit is taken. */
export async function expectRefused(
  { alice, bob, carol, dave }: Four,
  commit: Uint8Array,
  cause: string,
): Promise<void> {
  const asked: string[] = []
  for (const { device, state } of [bob, dave]) {
    const opened = await engine.open(state, commit, () => asked.push(device.name) > 0)
    expect(opened).toMatchObject({ kind: 'refused', cause, by: { identity: alice.device.identity } })
    expect(opened).not.toHaveProperty('perhapsOnlyHere')
  }
  expect(asked).toEqual([])
  await commitAs(alice, [bob, carol, dave])
  expect(agreed([alice, bob, carol, dave])).toBe(true)
}

/** The engine's own, with other encryption. */
export function contextWith(hpke: Partial<MlsContext['suite']['hpke']>): MlsContext {
  return { ...context, suite: { ...context.suite, hpke: { ...context.suite.hpke, ...hpke } } }
}

/** Nobody can encrypt to it: the numbers in ML-KEM's half are not reduced. */
export const unusable = (key: Uint8Array) => key.map((byte, index) => (index < 300 ? 0xff : byte))
