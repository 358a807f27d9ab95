// People, devices and conversations to try a store with.

import { createHash, randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { type Envelope, type OutgoingEnvelope, OutgoingEnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import type {
  AppendOutcome,
  DeviceRecord,
  Place,
  RegisterTerms,
  Store,
} from '../../services/server/store/store.js'

export const BEGINNING: Place = 0

export interface TestDevice {
  id: Uint8Array
  handle: string
  /** The client sequence of its last accepted send. */
  sent: bigint
}

/** Bytes that depend on the text only. */
export function bytesOf(text: string, length = 32): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(text).digest())
}

export const newConversationId = (): Uint8Array => new Uint8Array(randomBytes(16))

export const OPEN: RegisterTerms = { newAccounts: 'open' }

export const accountOf = (handle: string) => ({ handle, accountKey: bytesOf(`account ${handle}`) })

/** The record of a device that has not registered. */
export function recordOf(name: string, handle = name): DeviceRecord {
  const certificate = bytesOf(`certificate ${name}`, 200)
  return { ...accountOf(handle), deviceId: bytesOf(`device ${name}`), certificate }
}

export async function register(store: Store, name: string, handle = name): Promise<TestDevice> {
  const device = recordOf(name, handle)
  const outcome = await store.directory.register(device, OPEN)
  if (!['registered', 'added', 'known'].includes(outcome)) throw new Error(`${name}: ${outcome}`)
  return { id: device.deviceId, handle, sent: 0n }
}

export function application(
  sender: TestDevice,
  conversationId: Uint8Array,
  options: { text?: string; epoch?: bigint; clientSequence?: bigint } = {},
): OutgoingEnvelope {
  const { text = 'text', epoch = 1n, clientSequence = sender.sent + 1n } = options
  const ciphertext = new TextEncoder().encode(text)
  return create(OutgoingEnvelopeSchema, {
    clientSequence,
    conversationId,
    envelope: { case: 'application', value: { epoch, ciphertext } },
  })
}

export interface CommitOptions {
  epoch?: bigint
  creates?: boolean
  added?: TestDevice[]
  removed?: TestDevice[]
  clientSequence?: bigint
  /** The fields that are to differ from a well-formed bundle. */
  with?: {
    commit?: Uint8Array
    head?: Uint8Array
    headSignature?: Uint8Array
    welcomes?: { deviceIds: Uint8Array[]; welcome: Uint8Array }[]
  }
}

export function commit(
  sender: TestDevice,
  conversationId: Uint8Array,
  options: CommitOptions = {},
): OutgoingEnvelope {
  const { epoch = 0n, creates = false, added = [], removed = [] } = options
  const value = {
    epoch,
    creates,
    commit: bytesOf('commit'),
    welcomes: added.map(device => ({ deviceIds: [device.id], welcome: welcomeOf(device) })),
    rosterChange: {
      addedDeviceIds: added.map(device => device.id),
      removedDeviceIds: removed.map(device => device.id),
    },
    ...options.with,
  }
  const clientSequence = options.clientSequence ?? sender.sent + 1n
  return create(OutgoingEnvelopeSchema, {
    clientSequence,
    conversationId,
    envelope: { case: 'commit', value },
  })
}

export const welcomeOf = (device: TestDevice): Uint8Array => bytesOf(`welcome ${device.handle}`)

/** Appends one send; the device counts on if it is accepted. */
export async function send(
  store: Store,
  sender: TestDevice,
  envelope: OutgoingEnvelope,
): Promise<AppendOutcome> {
  const [outcome] = await store.log.append(sender.id, [envelope])
  if (!outcome) throw new Error('a send has no outcome')
  if (outcome.accepted && envelope.clientSequence > sender.sent) sender.sent = envelope.clientSequence
  return outcome
}

export async function mustSend(store: Store, sender: TestDevice, envelope: OutgoingEnvelope): Promise<void> {
  const outcome = await send(store, sender, envelope)
  if (!outcome.accepted) throw new Error(`rejected: ${outcome.reason.case}`)
}

/** A conversation of the first device with the others, in epoch 1. */
export async function converse(
  store: Store,
  creator: TestDevice,
  ...others: TestDevice[]
): Promise<Uint8Array> {
  const id = newConversationId()
  await mustSend(store, creator, commit(creator, id, { creates: true, added: others }))
  return id
}

export interface ReadToEnd {
  envelopes: Envelope[]
  place: Place
}

export async function readAll(
  store: Store,
  device: TestDevice,
  after: Place = BEGINNING,
  limits: { maxEnvelopes?: number; maxBytes?: number } = {},
): Promise<ReadToEnd> {
  const { maxEnvelopes = 64, maxBytes = 1_000_000 } = limits
  const envelopes: Envelope[] = []
  let place = after
  for (let more = true; more; ) {
    const result = await store.log.read({ device: device.id, after: place, maxEnvelopes, maxBytes })
    envelopes.push(...result.envelopes)
    place = result.place
    more = result.more
  }
  return { envelopes, place }
}

/** An envelope in a word: its text, or its kind. */
export function gist(envelope: Envelope): string {
  const { envelope: body } = envelope
  switch (body.case) {
    case 'application':
      return new TextDecoder().decode(body.value.ciphertext)
    case 'own':
      return `own ${body.value.clientSequence}`
    case 'missed':
      return `missed ${body.value.count}`
    default:
      return body.case ?? 'nothing'
  }
}

export async function gists(store: Store, device: TestDevice, after?: Place): Promise<string[]> {
  return (await readAll(store, device, after)).envelopes.map(gist)
}
