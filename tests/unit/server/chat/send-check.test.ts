import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { OutgoingEnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { checkSend } from '../../../../services/server/chat/send-check.js'

const LIMITS = { envelopesPerSend: 3 }
const value = { epoch: 1n, ciphertext: new Uint8Array(1) }
const text = (clientSequence: bigint) =>
  create(OutgoingEnvelopeSchema, { clientSequence, envelope: { case: 'application', value } })
const typing = (clientSequence: bigint) =>
  create(OutgoingEnvelopeSchema, { clientSequence, envelope: { case: 'ephemeral', value } })

test('a Send has an envelope or some, and a number for each that is to be stored', () => {
  for (const right of [[text(1n)], [typing(0n)], [text(1n), typing(0n), text(2n)]])
    expect(() => checkSend(right, LIMITS)).not.toThrow()
  const wrong = [[], [text(0n)], [typing(1n)], [1n, 2n, 3n, 4n].map(text), [text(1n), text(0n)]]
  for (const envelopes of wrong) {
    const check = () => checkSend(envelopes, LIMITS)
    expect(check).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(check).toThrow('Send: ')
  }
})
