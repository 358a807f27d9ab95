// People, devices and conversations to try a store with.

import { createHash, randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { type Envelope, type OutgoingEnvelope, OutgoingEnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import {
  type DeviceList,
  makeDeviceList,
  readDeviceList,
} from '../../services/protocol/identity/device-list.js'
import { makeDeviceRemoval, readDeviceRemoval } from '../../services/protocol/identity/device-removal.js'
import { accountKeys, deviceKeys } from '../../services/protocol/keys.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../services/protocol/signature.js'
import type {
  AccountChange,
  AppendOutcome,
  ChangeOutcome,
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

const keysFrom = (text: string) => keyPairOf(nodeCrypto, bytesOf(text))
const accountKeysOf = (handle: string) => accountKeys(keysFrom(`account ${handle}`))
const deviceKeysOf = (name: string) => deviceKeys(keysFrom(`device ${name}`))

export const accountOf = (handle: string) => ({ handle, accountKey: accountKeysOf(handle).publicKey })

/** The record of a device, as it is once it has registered. */
export const recordOf = (name: string, handle = name): DeviceRecord => ({
  ...accountOf(handle),
  deviceId: deviceKeysOf(name).publicKey,
})

const SERVER_ID = new Uint8Array(16)
const now = () => Math.trunc(Date.now() / 1000)

interface ListInit {
  /** In their order, by name. */
  devices: readonly string[]
  number?: number
  /** The name of the account's key; the handle unless given. */
  account?: string
}

/** A list of an account. */
export function listOf(handle: string, { devices, number = now(), account = handle }: ListInit): DeviceList {
  const bytes = makeDeviceList(nodeCrypto, accountKeysOf(account), {
    ...{ handle, serverId: SERVER_ID, number, previous: undefined, issuedAt: 1 },
    devices: devices.map(name => ({ deviceKey: deviceKeysOf(name).publicKey, listedAt: 1 })),
  })
  return readDeviceList(nodeCrypto, bytes)
}

/** A device comes with a list. */
export const bring = (name: string, list: DeviceList): AccountChange => ({
  caller: deviceKeysOf(name).publicKey,
  handle: list.handle,
  accountKey: list.accountKey,
  list: { content: list, encoded: list.encoded },
  removals: [],
})

/** A device removes others of its list, by name. */
export function removing(signer: string, list: DeviceList, ...removed: string[]): AccountChange {
  const removals = removed.map(name =>
    readDeviceRemoval(
      nodeCrypto,
      makeDeviceRemoval(nodeCrypto, deviceKeysOf(signer), {
        list,
        deviceKey: deviceKeysOf(name).publicKey,
        removedAt: 1,
      }),
    ),
  )
  const { handle, accountKey } = list
  return { caller: deviceKeysOf(signer).publicKey, handle, accountKey, removals }
}

/** The list that the store has of an account. */
export async function keptList(store: Store, handle: string): Promise<DeviceList | undefined> {
  const account = await store.directory.account(handle)
  return account && readDeviceList(nodeCrypto, account.deviceList)
}

/** A device comes with a list of those that the account has and itself. */
export async function come(
  store: Store,
  name: string,
  { handle = name, terms = OPEN }: { handle?: string; terms?: RegisterTerms } = {},
): Promise<ChangeOutcome> {
  const known = await keptList(store, handle)
  const own = deviceKeysOf(name).publicKey
  const others = (known?.devices ?? []).filter(({ deviceKey }) => Buffer.compare(deviceKey, own) !== 0)
  const isListed = known !== undefined && others.length < known.devices.length
  const bytes = makeDeviceList(nodeCrypto, accountKeysOf(handle), {
    ...{
      handle,
      serverId: SERVER_ID,
      number: (known?.number ?? 0) + 1,
      previous: undefined,
      issuedAt: 1,
    },
    devices: [...others, { deviceKey: own, listedAt: 1 }],
  })
  return store.directory.change(bring(name, isListed ? known : readDeviceList(nodeCrypto, bytes)), terms)
}

export async function register(store: Store, name: string, handle = name): Promise<TestDevice> {
  const { outcome } = await come(store, name, { handle })
  if (!['registered', 'added', 'known'].includes(outcome)) throw new Error(`${name}: ${outcome}`)
  return { id: deviceKeysOf(name).publicKey, handle, sent: 0n }
}

/** One of an account's devices removes another, by name. */
export async function remove(
  store: Store,
  signer: string,
  { handle, removed }: { handle: string; removed: string },
): Promise<ChangeOutcome> {
  const list = await keptList(store, handle)
  return store.directory.change(removing(signer, list!, removed), OPEN)
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

interface CommitOptions {
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

interface ReadToEnd {
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
