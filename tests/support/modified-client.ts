// A client that was altered to commit what the rules do not allow: it works on the vault of an endpoint that is
// closed, and the endpoint sends what it finds there when it is opened again.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  CommitBundleSchema,
  type DeliveredWelcome,
  DeliveredWelcomeSchema,
  RejoinRequestSchema,
} from '../../gen/parley/v1/chat_pb.js'
import { ClaimedDeviceSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import {
  keyState,
  keysOfSeed,
  loadAccount,
  type OwnAccount,
} from '../../services/endpoint/contacts/account.js'
import type { Context, Unit } from '../../services/endpoint/context.js'
import { createGroup, type Invitee, verifiedInvitees } from '../../services/endpoint/groups/create.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { type Count, clientSequenceOf } from '../../services/endpoint/ids.js'
import { systemRandom } from '../../services/endpoint/local.js'
import type { BodyInit } from '../../services/endpoint/messages/sealing/line-types.js'
import { queueCommit } from '../../services/endpoint/messages/sealing/outbox.js'
import { sealBody } from '../../services/endpoint/messages/sealing/seal.js'
import {
  createEngine,
  type Engine,
  type KeyPackagePair,
  type Member,
} from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { loadServer } from '../../services/endpoint/sync/server-record.js'
import { type Reader, Records } from '../../services/endpoint/vault/records.js'
import { decodeLeafList } from '../../services/protocol/conversation/leaves.js'
import { makeRejoin } from '../../services/protocol/conversation/rejoin-request.js'
import { makeCertificate, readCertificate } from '../../services/protocol/identity/certificate.js'
import { readDeviceList } from '../../services/protocol/identity/device-list.js'
import { makeBundleHead } from '../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { storesOn } from './endpoint-context.js'
import { MemoryDisk } from './memory/vault.js'

export interface Force {
  /** Of accounts that are not in the group; one key package is made for each. */
  add?: readonly OwnAccount[]
  /** By handle, with all their devices. */
  remove?: readonly string[]
  /** From what the members agree on. */
  settings?(before: Uint8Array): Uint8Array
}

/** A vault's records, whoever has it open: those that it has saved by now. */
function copyOf<T>(disk: MemoryDisk, read: (records: Reader) => T): T {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  const vault = copy.open()
  try {
    return read(new Records(vault, () => undefined))
  } finally {
    vault.close()
  }
}

/** Its account, private keys and all. */
export const accountOn = (disk: MemoryDisk): OwnAccount => copyOf(disk, records => loadAccount(records)!)

/** The token of an invite link that is kept until it is used. */
export const inviteTokenOn = (disk: MemoryDisk): string | undefined =>
  copyOf(disk, records => loadServer(records)?.inviteToken)

/** The device keys, in hex, of the list that the key packages name which the server has taken of it. */
export const publishedListOn = (disk: MemoryDisk): string[] | undefined =>
  copyOf(disk, records => {
    const published = decodeLeafList(loadServer(records)?.publishedLeafData ?? new Uint8Array())
    const lists = records.list('lists').flatMap(({ record }) => record.lists)
    const list = lists
      .map(({ deviceList }) => readDeviceList(crypto, deviceList))
      .find(({ hash }) => published && Buffer.compare(hash, published.hash) === 0)
    return list?.devices.map(({ deviceKey }) => Buffer.from(deviceKey).toString('hex'))
  })

/** The ids of all devices that are in any of its groups, in hex. */
export async function devicesInGroupsOn(disk: MemoryDisk): Promise<Set<string>> {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  const { transaction } = await storesOn(new Records(copy.open(), () => undefined))
  return await transaction(({ context }) => {
    const members = context.groups.all().flatMap(({ state }) => context.engine.members(state))
    return new Set(members.map(({ signatureKey }) => Buffer.from(signatureKey).toString('hex')))
  })
}

/** Of several groups that one is used which has the lowest id. */
let groups = 0
const LOWEST = {
  ...systemRandom,
  bytes: (length: number) => new Uint8Array(length).fill(++groups, length - 1),
}

interface Kept {
  handle: string
  disk: MemoryDisk
}

/** The key package of theirs that the server hands out again and again. */
const keyPackageOn = ({ disk }: Kept): Uint8Array =>
  copyOf(disk, kept => kept.list('keypackages').find(({ record }) => record.lastResort))!.record.publicPackage

/**
 * Makes the group of a conversation in which this account goes by somebody else's handle, which no server checks.
 * `beside`: somebody whom it adds, too. Its id is the lowest that there is.
 */
export async function openAs(
  disk: MemoryDisk,
  { handle, victim, beside }: { handle: string; victim: Kept; beside?: Kept },
): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async ({ context: own, outbox, tx }) => {
      const { device } = own.account
      const account = keysOfSeed(keyState(tx).accountSeed)
      const certificate = makeCertificate(crypto, { handle, account, deviceKey: device.publicKey })
      const context = { ...own, account: { ...own.account, certificate }, random: LOWEST }
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      const invitees: Invitee[] = []
      for (const invited of beside ? [victim, beside] : [victim]) {
        const claimed = create(ClaimedDeviceSchema, {
          deviceKey: accountOn(invited.disk).device.publicKey,
          keyPackage: keyPackageOn(invited),
        })
        invitees.push(...(await verifiedInvitees(context, invited.handle, [claimed])))
      }
      const { accountKey } = invitees[0]!.identity
      context.contacts.meet(tx, { handle: victim.handle, accountKey })
      const conversation = context.conversations.open(tx, accountKey)
      const { group, ...made } = await createGroup(context, tx, { conversation, invitees })
      queueCommit(outbox, tx, group.number, made)
    })
  } finally {
    vault.close()
  }
}

/** A group that is on a disk. */
interface GroupOn {
  conversationId: Uint8Array
  epoch: bigint
  /** None between two people. */
  settings: Uint8Array | undefined
}

export async function groupsOn(disk: MemoryDisk): Promise<GroupOn[]> {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  const { transaction } = await storesOn(new Records(copy.open(), () => undefined))
  return await transaction(({ context: { engine, groups } }) =>
    groups.all().map(({ record: { conversationId }, state }) => {
      return { conversationId, epoch: engine.epoch(state), settings: engine.settings(state) }
    }),
  )
}

/** Somebody makes a group of their own under the id of another one, in this epoch, with a device of each of these in it. */
export async function forgedWelcome(
  by: OwnAccount,
  victims: readonly MemoryDisk[],
  { conversationId, epoch, settings }: GroupOn,
): Promise<DeliveredWelcome> {
  const engine = await createEngine({ validate: validateCredential })
  let state = await engine.create({
    ...{ groupId: conversationId, keyPackage: await keyPairOf(engine, by) },
    ...(settings && { settings }),
  })
  while (engine.epoch(state) + 1n < epoch)
    state = engine.adopt(state, (await engine.commit(state, {})).pending).state
  const add = victims.map(publicPackageOn)
  const { commit, welcome } = await engine.commit(state, { add })
  const bundle = { epoch: engine.epoch(state), commit, welcomes: [{ welcome: welcome! }] }
  const head = makeBundleHead(crypto, { conversationId, bundle, device: by.device })
  return create(DeliveredWelcomeSchema, { welcome: welcome!, epoch: bundle.epoch + 1n, ...head })
}

/** One of those that any account can claim. */
function publicPackageOn(disk: MemoryDisk): Uint8Array {
  const [claimed] = copyOf(disk, kept => kept.list('keypackages').map(({ record }) => record))
  return claimed!.publicPackage
}

/** Queues these commits in the one group of this vault that has settings; the first is in its epoch, each next one in the next. */
export async function sendByForce(
  disk: MemoryDisk,
  bundles: readonly MessageInitShape<typeof CommitBundleSchema>[],
): Promise<void> {
  await inRoomByForce(disk, ({ outbox, tx, context }, group) => {
    for (const [index, init] of bundles.entries()) {
      const epoch = context.engine.epoch(group.state) + BigInt(index)
      const bundle = create(CommitBundleSchema, { ...init, epoch })
      const commitBundle = toBinary(CommitBundleSchema, signed(context, group.record.conversationId, bundle))
      outbox.add(tx, group.number, { case: 'commit', value: { commitBundle } })
    }
  })
}

/** Queues this content in the one group of this vault, whatever it says. */
export async function sayByForce(
  disk: MemoryDisk,
  body: BodyInit,
  { count, ...how }: { count?: Count; sentAtMs?: bigint; resentCount?: Count } = {},
): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async ({ context, outbox, tx }) => {
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      const [group] = context.groups.all()
      if (count !== undefined) context.groups.change(tx, group!, { nextCount: count })
      await sealBody(context, tx, group!, body, how)
    })
  } finally {
    vault.close()
  }
}

/** Queues a request to be taken in again into the one group of this vault that has settings, though nothing was lost. */
export async function askByForce(disk: MemoryDisk): Promise<void> {
  await inRoomByForce(disk, ({ outbox, tx, context: { account, engine } }, group) => {
    const { conversationId } = group.record
    const lastEpoch = engine.epoch(group.state)
    const request = makeRejoin(crypto, { conversationId, lastEpoch, device: account.device })
    outbox.add(tx, group.number, {
      ...{ case: 'rejoin', value: { request: toBinary(RejoinRequestSchema, request) } },
    })
  })
}

async function inRoomByForce(disk: MemoryDisk, work: (unit: Unit, group: LiveGroup) => void): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(unit => {
      const { context, outbox, tx } = unit
      const group = context.groups.all().find(({ state }) => context.engine.settings(state) !== undefined)
      if (!group) throw new Error('there is no room in this vault')
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      work(unit, group)
    })
  } finally {
    vault.close()
  }
}

/** Queues a commit of all that in the one group of this vault that has settings, asking nobody's leave. */
export async function commitByForce(disk: MemoryDisk, force: Force): Promise<void> {
  const vault = disk.open()
  try {
    const { context, transaction } = await storesOn(new Records(vault, () => undefined))
    const { engine, groups } = context
    const group = groups.all().find(({ state }) => engine.settings(state) !== undefined)
    if (!group) throw new Error('there is no room in this vault')
    const made = await forcedCommit(context, group, force)
    await transaction(({ outbox, tx }) => {
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      outbox.add(tx, group.number, { case: 'commit', value: { commitBundle: made } })
    })
  } finally {
    vault.close()
  }
}

async function forcedCommit(
  parts: Pick<Context, 'account' | 'engine'>,
  group: LiveGroup,
  { add = [], remove = [], settings }: Force,
): Promise<Uint8Array> {
  const { engine } = parts
  const packages = await Promise.all(add.map(account => keyPackageOf(engine, account)))
  const removed = engine.members(group.state).filter(member => remove.includes(handleOf(member)))
  const next = settings?.(engine.settings(group.state) ?? new Uint8Array())
  const { commit, welcome } = await engine.commit(group.state, {
    add: packages,
    remove: removed.map(({ leaf }) => leaf),
    ...(next && { settings: next }),
  })
  const addedDeviceIds = add.map(({ device }) => device.publicKey)
  const bundle = signed(parts, group.record.conversationId, {
    epoch: engine.epoch(group.state),
    commit,
    welcomes: welcome ? [{ deviceIds: addedDeviceIds, welcome }] : [],
    rosterChange: { addedDeviceIds, removedDeviceIds: removed.map(({ signatureKey }) => signatureKey) },
  })
  return toBinary(CommitBundleSchema, create(CommitBundleSchema, bundle))
}

const keyPackageOf = async (engine: Engine, account: OwnAccount): Promise<Uint8Array> =>
  (await keyPairOf(engine, account)).publicPackage

const keyPairOf = (engine: Engine, { certificate, device }: OwnAccount): Promise<KeyPackagePair> =>
  engine.newKeyPackage({
    identity: certificate,
    signatureKey: device.privateKey,
    publicKey: device.publicKey,
  })

const handleOf = ({ identity }: Member): string => readCertificate(crypto, identity).handle
