// Groups that somebody makes with an altered program, or with a server's help, to get others into them: all that their
// welcomes say fits together, as far as it can without anybody else's keys.

import { create, toBinary } from '@bufbuild/protobuf'
import { ConversationKind } from '../../gen/parley/content/v1/chain_pb.js'
import {
  CommitBundleSchema,
  type DeliveredWelcome,
  DeliveredWelcomeSchema,
} from '../../gen/parley/v1/chat_pb.js'
import { keyState, keysOfSeed, type OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { created } from '../../services/endpoint/groups/state/group.js'
import { type Held, keptBytes } from '../../services/endpoint/groups/state/held.js'
import { clientSequenceOf } from '../../services/endpoint/ids.js'
import { createEngine, type Engine, type GroupState } from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { loadServer } from '../../services/endpoint/sync/server-record.js'
import { Records } from '../../services/endpoint/vault/records.js'
import { checkChain } from '../../services/protocol/conversation/chain/chain.js'
import type { Change, RoomSettings } from '../../services/protocol/conversation/chain/change.js'
import { makeEntry } from '../../services/protocol/conversation/chain/entry.js'
import { fixedState } from '../../services/protocol/conversation/chain/state.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import {
  EMPTY_LEDGER,
  type Ledger,
  ofMembers,
  withList,
} from '../../services/protocol/conversation/ledger.js'
import { makeCertificate } from '../../services/protocol/identity/certificate.js'
import {
  type DeviceList,
  makeDeviceList,
  readDeviceList,
} from '../../services/protocol/identity/device-list.js'
import { epochTagOf, makeBundleHead, type Predecessor } from '../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { extended } from './chain-by-force.js'
import { storesOn } from './endpoint-context.js'
import type { MemoryDisk } from './memory/vault.js'
import { accountOn, byForce, copyOf, keyPairOf, type ListedAccount, newestList } from './modified-client.js'
import { NO_EPOCH } from './signed-head.js'

type Attacker = OwnAccount | ListedAccount

/** A group as its maker says that it is. */
export type Claim = Pick<Held, 'groupId' | 'epoch' | 'incarnation' | 'state' | 'ledger' | 'entries'>

export const ledgerOf = (...lists: readonly DeviceList[]): Ledger =>
  lists.reduce<Ledger>((ledger, list) => withList(ledger, list) ?? ledger, EMPTY_LEDGER)

/** A room of the maker's own, under the id and in the epoch of another group, with accounts that its chain adds. */
export function ownRoom(
  { groupId, epoch }: Pick<Claim, 'groupId' | 'epoch'>,
  by: Attacker,
  { with: others = [], name = 'tea' }: { with?: readonly DeviceList[]; name?: string } = {},
): Claim {
  const settings: RoomSettings = { name, topic: '', historyDays: 0 }
  const change: Change = { kind: 'create', salt: crypto.randomBytes(16), settings }
  const entry = makeEntry(crypto, { before: undefined, groupId, epoch: 0n }, { ...by, change })
  const { state, entries } = checkChain(crypto, [entry])
  const ledger = ledgerOf(newestList(by), ...others)
  const held = { groupId, epoch, incarnation: 1, state, entries, ledger, leaves: [] }
  const changes = others.map(({ accountKey }) => ({ kind: 'add', accountKey }) as const)
  return extended(held, by, { changes, groupId, epoch: 0n })
}

/** A conversation between two; all of the lists are in its ledger. */
export function pairOf(
  { groupId, epoch, incarnation = 1 }: Pick<Claim, 'groupId' | 'epoch'> & { incarnation?: number },
  lists: readonly DeviceList[],
  members: readonly DeviceList[] = lists.slice(0, 2),
): Claim {
  const keys = members.map(({ accountKey }) => accountKey)
  const state = fixedState(crypto, ConversationKind.DIRECT, keys)
  return { groupId, epoch, incarnation, state, entries: [], ledger: ledgerOf(...lists) }
}

interface Making {
  by: Attacker
  claim: Claim
  /** Key packages of those who are to join. */
  keyPackages: readonly Uint8Array[]
  /** The leaf names it; the maker's newest unless given. */
  list?: DeviceList
}

/** The group in the epoch before those join, and the commit by which they do. */
export async function forge(engine: Engine, { by, claim, keyPackages, list }: Making) {
  const { groupId, epoch } = claim
  const held: Held = { ...claim, ledger: ofMembers(claim.ledger, claim.state), leaves: [] }
  const settings = encodeGroupState(crypto, held, [])
  const keyPackage = await keyPairOf(engine, by, list)
  let founded = await engine.create({ groupId, keyPackage, settings })
  while (engine.epoch(founded) + 1n < epoch)
    founded = engine.adopt(founded, (await engine.commit(founded, {})).pending).state
  const made = await engine.commit(founded, { add: [...keyPackages], settings, joiner: keptBytes(held) })
  return { founded, held, ...made, welcomes: made.welcome ? [{ welcome: made.welcome }] : [] }
}

/** The key package of theirs that the server hands out again and again. */
const publicPackageOn = (disk: MemoryDisk): Uint8Array =>
  copyOf(disk, kept => kept.list('keypackages').find(({ record }) => record.lastResort))!.record.publicPackage

/** A welcome to a group of somebody's own, with a device of each of these in it, for a server to deliver. */
export async function forgedWelcome(
  by: Attacker,
  victims: readonly MemoryDisk[],
  claim: Claim,
): Promise<DeliveredWelcome> {
  const engine = await createEngine({ validate: validateCredential })
  const keyPackages = victims.map(publicPackageOn)
  const { founded, commit, welcomes } = await forge(engine, { by, claim, keyPackages })
  const bundle = { epoch: engine.epoch(founded), commit, welcomes }
  const [{ welcome }] = welcomes as [{ welcome: Uint8Array }]
  const head = makeBundleHead(crypto, {
    ...{ conversationId: claim.groupId, bundle, device: by.device },
    epochTag: epochTagOf(crypto, engine.epochAuthenticator(founded)),
  })
  return create(DeliveredWelcomeSchema, { welcome, epoch: bundle.epoch + 1n, ...head })
}

/** Devices seal in the group of a conversation whose id has the lowest hash. */
function lowestId(): Uint8Array {
  const ids = Array.from({ length: 500 }, () => crypto.randomBytes(16))
  const hashes = new Map(ids.map(id => [id, crypto.sha256(id)]))
  return ids.sort((one, other) => Buffer.compare(hashes.get(one)!, hashes.get(other)!))[0]!
}

interface Kept {
  handle: string
  disk: MemoryDisk
}

export interface OpenAs {
  handle: string
  victim: Kept
  /** Somebody whom it adds, too. */
  beside?: Kept
  /** Accounts whose conversation it says to be, with the lists of all; the two of them unless given. */
  claim?: (
    at: { groupId: Uint8Array; epoch: bigint; by: ListedAccount },
    lists: [own: DeviceList, victim: DeviceList, ...DeviceList[]],
  ) => Claim
}

/**
 * Makes the group of a conversation in which this account goes by somebody else's handle, by a certificate and a device
 * list of its own. No other group of the same conversation goes before it.
 */
export async function openAs(disk: MemoryDisk, { handle, victim, beside, claim }: OpenAs): Promise<void> {
  const honest = accountOn(disk)
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async unit => {
      const { context, outbox, tx } = unit
      const { device } = honest
      const account = keysOfSeed(keyState(tx).accountSeed)
      const { number, devices, serverId } = honest.list
      const certificate = makeCertificate(crypto, { account, deviceKey: device.publicKey, serverId })
      const list = readDeviceList(
        crypto,
        makeDeviceList(crypto, account, {
          ...{ handle, serverId, devices, number: number + 1, previous: honest.list.hash, issuedAt: 1 },
        }),
      )
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      const by = { ...honest, certificate, list }
      const invited = [victim, ...(beside ? [beside] : [])]
      const [first, ...more] = invited.map(each => accountOn(each.disk).list)
      const at = { groupId: lowestId(), epoch: 1n, by }
      const made = claim?.(at, [list, first!, ...more]) ?? pairOf({ ...at, incarnation: 9 }, [list, first!])
      const { accountKey } = first!
      context.contacts.meet(tx, { handle: victim.handle, accountKey })
      const conversation = context.conversations.open(tx, accountKey)
      await queueForged(unit, { by, claim: made, invited, conversation })
    })
  } finally {
    vault.close()
  }
}

interface Queued {
  by: Attacker
  claim: Claim
  invited: readonly Kept[]
  conversation: Parameters<Unit['context']['groups']['add']>[1]['conversation']
  succeeds?: Predecessor
  /** The server hears of these alone; of all who are invited unless given. */
  delivered?: readonly Kept[]
}

const isChain = ({ entries }: Held): boolean => {
  try {
    checkChain(
      crypto,
      entries.map(({ signed }) => signed),
    )
    return true
  } catch {
    return false
  }
}

/** The program that is opened on this vault takes nothing for a group that breaks the rules: it has a room of its own. */
async function aloneIn(
  engine: Engine,
  by: Attacker,
  { groupId }: Claim,
): Promise<{ state: GroupState; held: Held }> {
  const claim = ownRoom({ groupId, epoch: 0n }, by)
  const held: Held = { ...claim, leaves: [] }
  const keyPackage = await keyPairOf(engine, by)
  const settings = encodeGroupState(crypto, held, [])
  return { state: await engine.create({ groupId, keyPackage, settings }), held }
}

/** Queues the first commit of a group, by which those who are invited join it. */
async function queueForged(
  { context, outbox, tx }: Unit,
  { by, claim, invited, conversation, succeeds, delivered = invited }: Queued,
): Promise<{ bundle: ReturnType<typeof firstBundle>; held: Held }> {
  const { engine, groups } = context
  const keyPackages = invited.map(({ disk }) => publicPackageOn(disk))
  const forged = await forge(engine, { by, claim, keyPackages })
  const { founded, held, pending } = forged
  const isSound = held.entries.length === 0 || isChain(held)
  const own = isSound ? { state: founded, held } : await aloneIn(engine, by, claim)
  const group = groups.add(tx, { conversation, phase: created() }, own)
  if (isSound) groups.savePending(tx, group, { state: pending, held: undefined })
  const deviceIds = delivered.map(each => accountOn(each.disk).device.publicKey)
  const bundle = firstBundle(by, claim, { ...forged, deviceIds, ...(succeeds && { succeeds }) })
  const commitBundle = toBinary(CommitBundleSchema, create(CommitBundleSchema, bundle))
  outbox.add(tx, group.number, { case: 'commit', value: { commitBundle } })
  return { bundle, held }
}

function firstBundle(
  { device }: Attacker,
  { groupId: conversationId }: Claim,
  {
    commit,
    welcomes,
    deviceIds,
    succeeds,
  }: {
    commit: Uint8Array
    welcomes: readonly { welcome: Uint8Array }[]
    deviceIds: Uint8Array[]
    succeeds?: Predecessor
  },
) {
  const bundle = {
    epoch: 0n,
    commit,
    welcomes: welcomes.map(each => ({ deviceIds, ...each })),
    rosterChange: { addedDeviceIds: deviceIds },
    creates: true,
  }
  const head = makeBundleHead(crypto, {
    ...{ conversationId, bundle, epochTag: NO_EPOCH, device },
    ...(succeeds && { succeeds }),
  })
  return { ...bundle, ...head }
}

/** A successor as an altered program makes it. */
export interface ForcedSuccessor {
  invited: readonly Kept[]
  /** The chain that it goes on from; the room's own unless given. */
  from?: (held: Held) => Claim
  /** Entries of its own behind that. */
  changes?: readonly Change[]
  /** Unless given, the epoch that the vault knows. */
  epoch?: bigint
  /** The server is not told that it takes the place of another one. */
  isSecret?: boolean
  /** The group in whose place it is made; the room's newest unless given. */
  place?: Held
  /** The server delivers it to these of the invited alone; to all unless given. */
  delivered?: readonly Kept[]
}

/** Queues a group that is to take the place of its room. */
export const succeedByForce = (disk: MemoryDisk, options: ForcedSuccessor): Promise<void> =>
  byForce(disk, async (unit, group) => {
    const by = accountOn(disk)
    const { claim, succeeds } = successorClaim(group.held, by, options)
    const { conversation } = group.record
    const told = options.isSecret ? {} : { succeeds }
    const { invited, delivered = invited } = options
    await queueForged(unit, { by, claim, invited, delivered, conversation, ...told })
  })

function successorClaim(
  held: Held,
  by: Attacker,
  { from = each => each, changes = [], place = held, epoch = place.epoch }: ForcedSuccessor,
): { claim: Claim; succeeds: Predecessor } {
  const groupId = crypto.randomBytes(16)
  const base = from(held)
  const after = extended({ ...base, leaves: [] }, by, { changes, groupId, epoch: 0n })
  const ledger: Ledger = { ...base.ledger, removed: [] }
  return {
    claim: { ...after, ledger, groupId, epoch: 1n, incarnation: base.incarnation + 1 },
    succeeds: { conversationId: place.groupId, epoch },
  }
}
