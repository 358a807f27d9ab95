// A test sends these, and counts the answers. The server opens nothing, so random bytes will do.

import type { RejectedSend } from '../../gen/parley/v1/chat_pb.js'
import { random, signLabelled, type TestDevice } from './contract-device.js'
import type { Outgoing, TestStream } from './contract-stream.js'

export function application(
  conversationId: Uint8Array,
  options: { epoch?: bigint; ciphertext?: Uint8Array } = {},
): Outgoing {
  const { epoch = 1n, ciphertext = random(32) } = options
  return { conversationId, envelope: { case: 'application', value: { epoch, ciphertext } } }
}

export function ephemeral(conversationId: Uint8Array, ciphertext = random(32)): Outgoing {
  return { conversationId, envelope: { case: 'ephemeral', value: { epoch: 1n, ciphertext } } }
}

interface CommitOptions {
  epoch?: bigint
  creates?: boolean
  added?: readonly TestDevice[]
  removed?: readonly TestDevice[]
  commit?: Uint8Array
  welcome?: Uint8Array
}

export function commit(conversationId: Uint8Array, options: CommitOptions = {}): Outgoing {
  const {
    epoch = 1n,
    creates = false,
    added = [],
    removed = [],
    commit = random(64),
    welcome = random(64),
  } = options
  const deviceIds = added.map(({ id }) => id)
  const rosterChange = { addedDeviceIds: deviceIds, removedDeviceIds: removed.map(({ id }) => id) }
  const welcomes = deviceIds.length > 0 ? [{ deviceIds, welcome }] : []
  return {
    conversationId,
    envelope: { case: 'commit', value: { epoch, commit, welcomes, rosterChange, creates } },
  }
}

/** `epoch`: in which the device joined. */
export function leave(conversationId: Uint8Array, device: TestDevice, epoch = 1n): Outgoing {
  const nonce = random(16)
  const epochBytes = Buffer.alloc(8)
  epochBytes.writeBigUInt64BE(epoch)
  const signed = Buffer.concat([conversationId, epochBytes, nonce])
  const signature = signLabelled('parley.v1.RosterLeave', signed, device.key)
  return {
    conversationId,
    envelope: { case: 'leave', value: { nonce, signature, deviceId: device.id, epoch } },
  }
}

/** Creates a conversation of the stream's device with others, which then is in epoch 1. Returns its id. */
export async function createConversation(
  stream: TestStream,
  added: readonly TestDevice[] = [],
): Promise<Uint8Array> {
  const conversationId = random(16)
  const [number] = await stream.send(commit(conversationId, { epoch: 0n, creates: true, added }))
  await stream.until(() => acceptedTo(stream) >= number!)
  return conversationId
}

/** The highest number that was accepted on this stream. */
export function acceptedTo(stream: TestStream): bigint {
  const numbers = stream.frames.flatMap(frame =>
    frame.case === 'accepted' ? [frame.value.clientSequence] : [],
  )
  return numbers.sort((left, right) => Number(left - right)).at(-1) ?? 0n
}

/** The reasons of all rejections so far, by number: the last one where there are several. */
export function rejections(stream: TestStream): Map<bigint, RejectedSend['reason']> {
  const sends = stream.frames.flatMap(frame => (frame.case === 'rejected' ? frame.value.sends : []))
  return new Map(sends.map(({ clientSequence, reason }) => [clientSequence, reason]))
}

/** Sends one envelope and resolves to why it was rejected; its number is given back. */
export async function rejectionOf(stream: TestStream, outgoing: Outgoing): Promise<RejectedSend['reason']> {
  const [number] = await stream.send(outgoing)
  const { sends } = await stream.take('rejected')
  stream.next = number!
  if (sends.length !== 1 || sends[0]!.clientSequence !== number) throw new Error('another send was rejected')
  return sends[0]!.reason
}
