import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { type Envelope, OutgoingEnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { ephemeralTo } from '../../../../services/server/chat/ephemeral.js'
import { bytesOf } from '../../../support/store-world.js'

const [anna, bert, carl] = [bytesOf('anna'), bytesOf('bert'), bytesOf('carl')]
const conversationId = bytesOf('conversation', 16)

function scene(roster: Uint8Array[] | undefined) {
  const passed: { devices: readonly Uint8Array[]; envelope: Envelope }[] = []
  const cluster = {
    ephemeral: (devices: readonly Uint8Array[], envelope: Envelope) =>
      void passed.push({ devices, envelope }),
  }
  const pass = ephemeralTo(cluster, { roster: async () => roster })
  const outgoing = create(OutgoingEnvelopeSchema, {
    conversationId,
    envelope: { case: 'ephemeral', value: { epoch: 3n, ciphertext: bytesOf('typing') } },
  })
  return { passed, pass, outgoing }
}

test('goes to the other members, without a place in the log', async () => {
  const { passed, pass, outgoing } = scene([anna, bert, carl])
  await pass(bert, outgoing)
  expect(passed).toEqual([{ devices: [anna, carl], envelope: expect.anything() }])
  expect(passed[0]!.envelope).toMatchObject({ conversationId, sequence: 0n, envelope: outgoing.envelope })
})

test('goes nowhere from a stranger, in no conversation, and of another kind', async () => {
  const scenes = [scene([anna, carl]), scene(undefined), scene([anna, bert])]
  scenes[2]!.outgoing.envelope = { case: undefined }
  for (const { passed, pass, outgoing } of scenes) {
    await pass(bert, outgoing)
    expect(passed).toEqual([])
  }
})
