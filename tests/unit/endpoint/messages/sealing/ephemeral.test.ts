// Content that matters only now: sealed for an epoch, and taken from members alone.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { openEphemeral, sealEphemeral } from '../../../../../services/endpoint/messages/sealing/ephemeral.js'
import { EPHEMERAL_KEY, sealEphemeral as seal } from '../../../../../services/protocol/content/ephemeral.js'
import type { DeviceKeys } from '../../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { inNextEpoch } from '../../../../support/endpoint-groups.js'
import { TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const content = { sentAtMs: 5n, body: { case: 'presence' as const, value: { here: true, asks: true } } }

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob] })
})

const open = (envelope: { epoch: bigint; ciphertext: Uint8Array }) =>
  openEphemeral(testing.context, group.live, envelope)

/** Sealed under the key of the present epoch, which every member has. */
async function sealedBy(device: DeviceKeys): Promise<{ epoch: bigint; ciphertext: Uint8Array }> {
  const { engine } = testing.context
  const { state, record } = group.live
  const key = await engine.exporter(state, EPHEMERAL_KEY.label, EPHEMERAL_KEY.bytes)
  const { conversationId } = record
  return { epoch: engine.epoch(state), ciphertext: seal(crypto, { key, conversationId, device, content }) }
}

describe('an ephemeral', () => {
  test('of this device is opened by the members, as this device’s', async () => {
    const sealed = await sealEphemeral(testing.context, group.live, content)
    expect(sealed.epoch).toBe(1n)
    expect(await open(sealed)).toMatchObject({ sender: { signatureKey: alice.device.publicKey }, content })
  })

  test('changes no state and is not on its way like a content', async () => {
    const before = group.live.record
    await sealEphemeral(testing.context, group.live, content)
    expect(group.live.record).toEqual(before)
    expect(testing.outbox.items()).toEqual([])
  })

  test('of a member is opened as theirs', async () => {
    expect(await open(await sealedBy(bob.device))).toMatchObject({
      sender: { signatureKey: bob.device.publicKey, identity: bob.certificate },
      content,
    })
  })

  test('that a member signs as another is none', async () => {
    const { publicKey } = alice.device
    expect(await open(await sealedBy({ publicKey, privateKey: bob.device.privateKey }))).toBeUndefined()
  })

  test('of somebody who is not in the group is none, though they have its key', async () => {
    expect(await open(await sealedBy(carol.device))).toBeUndefined()
  })

  test('of another epoch is none, whatever epoch it says', async () => {
    const early = await sealedBy(bob.device)
    await inNextEpoch(testing, group)
    expect(await open(early)).toBeUndefined()
    expect(await open({ ...early, epoch: 2n })).toBeUndefined()
    const now = await sealedBy(bob.device)
    expect(await open({ ...now, epoch: 1n })).toBeUndefined()
    expect(await open(now)).toBeDefined()
  })
})
