// A client that was altered to commit what the rules do not allow: it works on the vault of an endpoint that is
// closed, and the endpoint sends what it finds there when it is opened again.

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { TextStatementSchema } from '../../gen/parley/content/v1/chain_pb.js'
import { CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../gen/parley/v1/rejoin_pb.js'
import { OutboxRejoinSchema } from '../../gen/parley/vault/v1/records_pb.js'
import { loadAccount, type OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Context, Unit } from '../../services/endpoint/context.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import type { Held } from '../../services/endpoint/groups/state/held.js'
import { isUnheard } from '../../services/endpoint/groups/welcome.js'
import { type Count, clientSequenceOf } from '../../services/endpoint/ids.js'
import type { BodyInit } from '../../services/endpoint/messages/sealing/line-types.js'
import { sealBody } from '../../services/endpoint/messages/sealing/seal.js'
import type { Engine } from '../../services/endpoint/mls/engine.js'
import { loadServer } from '../../services/endpoint/sync/server-record.js'
import { type Reader, Records } from '../../services/endpoint/vault/records.js'
import { concatBytes, equalBytes } from '../../services/protocol/bytes.js'
import { decodeLeafList, encodeLeafList } from '../../services/protocol/conversation/leaves.js'
import { makeRejoinStatement } from '../../services/protocol/conversation/rejoin-statement.js'
import { type DeviceList, readDeviceList } from '../../services/protocol/identity/device-list.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { sign } from '../../services/protocol/signature.js'
import { storesOn } from './endpoint-context.js'
import { listOf } from './known-accounts.js'
import { MemoryDisk } from './memory/vault.js'
import { signedAs } from './signed-head.js'

/** A vault's records, whoever has it open: those that it has saved by now. */
export function copyOf<T>(disk: MemoryDisk, read: (records: Reader) => T): T {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  const vault = copy.open()
  try {
    return read(new Records(vault, () => undefined))
  } finally {
    vault.close()
  }
}

/** The same, with all that an endpoint makes of them. Nothing that is done there comes onto the disk. */
export async function onCopyOf<T>(disk: MemoryDisk, work: (unit: Unit) => Promise<T> | T): Promise<T> {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  const { transaction } = await storesOn(new Records(copy.open(), () => undefined))
  return await transaction(work)
}

/** An account whose newest device list anybody knows. */
export interface ListedAccount extends OwnAccount {
  list: DeviceList
}

/** Its account, private keys and all. */
export const accountOn = (disk: MemoryDisk): ListedAccount =>
  copyOf(disk, records => {
    const account = loadAccount(records)!
    return { ...account, list: newestIn(records, account.account.publicKey)! }
  })

/** The newest list that somebody knows of an account. */
export const listOn = (disk: MemoryDisk, account: Uint8Array): DeviceList | undefined =>
  copyOf(disk, records => newestIn(records, account))

const newestIn = (records: Reader, account: Uint8Array): DeviceList | undefined =>
  records
    .list('lists')
    .flatMap(({ record }) => record.lists)
    .map(({ deviceList }) => readDeviceList(crypto, deviceList))
    .filter(({ accountKey }) => equalBytes(accountKey, account))
    .sort((one, other) => other.number - one.number)[0]

/** Of an account that is no server's as well. */
export const newestList = (account: OwnAccount | ListedAccount): DeviceList =>
  'list' in account ? account.list : listOf(account)

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
      .find(({ hash }) => published && equalBytes(hash, published.hash))
    return list?.devices.map(({ deviceKey }) => Buffer.from(deviceKey).toString('hex'))
  })

/** The ids of all devices that are in any of its groups, in hex. */
export const devicesInGroupsOn = (disk: MemoryDisk): Promise<Set<string>> =>
  onCopyOf(disk, ({ context }) => {
    const members = context.groups.all().flatMap(({ state }) => context.engine.members(state))
    return new Set(members.map(({ signatureKey }) => Buffer.from(signatureKey).toString('hex')))
  })

/** All that is held of each group on a disk, as a member could give it to anybody. */
export const groupsOn = (disk: MemoryDisk): Promise<Held[]> =>
  onCopyOf(disk, ({ context: { groups } }) => groups.all().map(({ held }) => held))

/** The same of the newest group of its one room. */
export async function roomOn(disk: MemoryDisk): Promise<Held> {
  const held = await onCopyOf(disk, ({ context }) => roomGroup(context)?.held)
  if (!held) throw new Error('there is no room in this vault')
  return held
}

/** The newest group of the one room, of those that no other one has taken the place of. */
export function roomGroup({ groups }: Pick<Context, 'groups'>): LiveGroup | undefined {
  const isOver = ({ phase }: LiveGroup) => Number(phase.name === 'ended')
  const [newest] = groups
    .all()
    .filter(group => group.held.state.settings && !isUnheard(group))
    .sort((one, other) => isOver(one) - isOver(other) || other.held.incarnation - one.held.incarnation)
  return newest
}

/** Works on the vault of a member, as to what it sends when it is opened again. */
export async function byForce(
  disk: MemoryDisk,
  work: (unit: Unit, group: LiveGroup) => Promise<void> | void,
): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async unit => {
      const { context, outbox, tx } = unit
      const group = roomGroup(context)
      if (!group) throw new Error('there is no room in this vault')
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      await work(unit, group)
    })
  } finally {
    vault.close()
  }
}

/** Queues a commit that its program takes for one of its own; what becomes of it changes nothing there. */
export function queueByForce(
  { context, outbox, tx }: Unit,
  group: LiveGroup,
  commitBundle: Uint8Array<ArrayBuffer>,
): void {
  outbox.add(tx, group.number, { case: 'commit', value: { commitBundle } })
  context.groups.move(tx, group, { input: 'commit-made' })
}

/**
 * Queues these commits in its room; the first is in its epoch, each next one in the next. `isOfNoState`: their heads say
 * that they were made from a state that nobody has.
 */
export const sendByForce = (
  disk: MemoryDisk,
  bundles: readonly MessageInitShape<typeof CommitBundleSchema>[],
  { isOfNoState = false }: { isOfNoState?: boolean } = {},
): Promise<void> =>
  byForce(disk, (unit, group) => {
    const { context } = unit
    for (const [index, init] of bundles.entries()) {
      const epoch = context.engine.epoch(group.state) + BigInt(index)
      const bundle = create(CommitBundleSchema, { ...init, epoch })
      const { conversationId } = group.record
      const headed = isOfNoState
        ? signedAs(context.account, conversationId, bundle)
        : signed(context, group.state, bundle)
      queueByForce(unit, group, toBinary(CommitBundleSchema, headed))
    }
  })

interface SayingByForce {
  count?: Count
  sentAtMs?: bigint
  resentCount?: Count
}

/** Signed as any text is, whatever is in it. */
function signedText(
  { account: { account, device } }: Pick<Context, 'account'>,
  { record, held }: LiveGroup,
  { text, sentAtMs = 0n, resentCount }: SayingByForce & { text: string },
): BodyInit {
  const statement = toBinary(
    TextStatementSchema,
    create(TextStatementSchema, {
      groupId: held.groupId,
      ...{ count: resentCount ?? record.nextCount, joinedEpoch: record.joinedEpoch, sentAtMs, text },
    }),
  )
  const signature = sign(crypto, {
    label: 'parley.content.v1.TextStatement',
    bytes: concatBytes(account.publicKey, device.publicKey, held.state.id, statement),
    privateKey: device.privateKey,
  })
  return { case: 'text', value: { signed: { statement, signature } } }
}

/** Queues this content, or this text, in the one group of this vault, whatever it says. */
export async function sayByForce(
  disk: MemoryDisk,
  said: BodyInit | string,
  { count, ...given }: SayingByForce = {},
): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async ({ context, outbox, tx }) => {
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      const [group] = context.groups.all()
      if (count !== undefined) context.groups.change(tx, group!, { nextCount: count })
      const how = { sentAtMs: 0n, ...given }
      const body = typeof said === 'string' ? signedText(context, group!, { text: said, ...how }) : said
      await sealBody(context, tx, group!, body, how)
    })
  } finally {
    vault.close()
  }
}

/** An encoded SignedRejoinStatement that a member makes though nothing was lost. */
const statementOf = (account: OwnAccount, { groupId, incarnation, state, epoch }: Held): Uint8Array =>
  makeRejoinStatement(crypto, { groupId, incarnation, head: state.head, lastEpoch: epoch }, account)

/** The same, of this vault, to be used later. */
export const rejoinOn = async (disk: MemoryDisk): Promise<Uint8Array> =>
  statementOf(accountOn(disk), await roomOn(disk))

/** Queues a request to be taken in again into its room, though nothing was lost; `old`: one that it has made before. */
export const askByForce = (disk: MemoryDisk, old?: Uint8Array): Promise<void> =>
  byForce(disk, ({ outbox, tx, context: { account } }, group) => {
    const request = fromBinary(SignedRejoinStatementSchema, old ?? statementOf(account, group.held))
    const value = create(OutboxRejoinSchema, { request: toBinary(SignedRejoinStatementSchema, request) })
    outbox.add(tx, group.number, { case: 'rejoin', value })
  })

export const keyPackageOf = async (
  engine: Pick<Engine, 'newKeyPackage'>,
  account: OwnAccount,
): Promise<Uint8Array> => (await keyPairOf(engine, account)).publicPackage

/** Its leaf names the newest list of the account, unless another one is given. */
export const keyPairOf = (
  engine: Pick<Engine, 'newKeyPackage'>,
  account: OwnAccount,
  list: DeviceList = newestList(account),
) =>
  engine.newKeyPackage({
    identity: account.certificate,
    leafData: encodeLeafList(list),
    signatureKey: account.device.privateKey,
    publicKey: account.device.publicKey,
  })
