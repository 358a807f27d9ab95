// A group of this device with others, all of them on the real engine, without a server: what the others seal and
// commit is given to the parts of the endpoint by hand.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { SignedChainEntry } from '../../gen/parley/content/v1/chain_pb.js'
import type { Content, ContentSchema } from '../../gen/parley/content/v1/content_pb.js'
import { DeliveredCommitSchema, type Envelope, EnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import { type NewAccount, type OwnAccount, restoreAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { type GroupPhase, joined } from '../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { atState, type Held, keptBytes, newLeafOf } from '../../services/endpoint/groups/state/held.js'
import type { ConversationNumber, GroupNumber, Placed } from '../../services/endpoint/ids.js'
import type { Body, Received } from '../../services/endpoint/messages/content/content-type.js'
import { inputOf, takeBody } from '../../services/endpoint/messages/content/registry.js'
import { counted, decodeContent, encodeContent } from '../../services/endpoint/messages/sealing/format.js'
import { move } from '../../services/endpoint/messages/transition.js'
import type { CommitChange, GroupState, KeyPackagePair, Opened } from '../../services/endpoint/mls/engine.js'
import { equalBytes } from '../../services/protocol/bytes.js'
import { pad } from '../../services/protocol/content/padding.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { entryHash, makeEntry } from '../../services/protocol/conversation/chain/entry.js'
import { encodeBasis } from '../../services/protocol/conversation/commit-basis.js'
import { leavesToRemove } from '../../services/protocol/conversation/commit-outcome.js'
import { planCommit } from '../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import { withList } from '../../services/protocol/conversation/ledger.js'
import { makeTextStatement, textIn } from '../../services/protocol/conversation/text-statement.js'
import { includesKey, sameKey } from '../../services/protocol/keys.js'
import { decodeBundleHead } from '../../services/protocol/log/bundle-head.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { claimOf, groupIn, type TestContext } from './endpoint-context.js'
import { foundGroup, keyPackageOf, learn, putInPhase, type RoomSetup } from './endpoint-groups.js'
import { listOf } from './known-accounts.js'
import { placed } from './numbers.js'
import { signedAs } from './signed-head.js'

export interface GroupSetup {
  /** Accounts, each with the device that it names; the own one may stand among them with another device. */
  others: readonly OwnAccount[]
  /** The one of them who made it, and stands before all others; this device unless given. */
  by?: OwnAccount
  /** Unless given it is between two people, or of the devices of one. */
  room?: RoomSetup
}

/** The changes that another member commits. */
interface TestCommit {
  /** Signed by that member. */
  changes?: readonly Change[]
  add?: readonly OwnAccount[]
  /** Devices whose leaves it takes out though their accounts stay. */
  remove?: readonly OwnAccount[]
  /** Encoded SignedRejoinStatements, of those. */
  rejoins?: readonly Uint8Array[]
  /** Also what the others refuse. */
  force?: boolean
  /** In place of all that: a commit as it is. */
  raw?: CommitChange
}

/** A content of another device: a field that is not given is that of a device that has said nothing else. */
type Saying = Partial<Pick<Content, 'count' | 'sentAtMs' | 'joinedEpoch' | 'resentCount'>> & {
  body: BodyInit | PlainText
}

/** A text that its device signs for the place where it is said. */
interface PlainText {
  readonly case: 'text'
  readonly value: { readonly text: string }
}

/** A content with its text in clear. */
type Plain = Exclude<Body, { case: 'text' }> | PlainText

function plain(body: Body): Plain {
  if (body.case !== 'text') return body
  return { case: 'text', value: { text: textIn(body.value.signed?.statement ?? new Uint8Array()) } }
}

const isPlain = (body: Saying['body']): body is PlainText =>
  body.case === 'text' && body.value !== undefined && 'text' in body.value

/** A delivered commit, changed by the one of these who made it. */
export function resigned(
  makers: readonly OwnAccount[],
  envelope: Placed<Envelope>,
  change: Pick<MessageInitShape<typeof DeliveredCommitSchema>, 'commit' | 'rosterChange'>,
): Placed<Envelope> {
  if (envelope.envelope.case !== 'commit') throw new Error('no commit')
  const { $typeName, head, headSignature, ...given } = envelope.envelope.value
  const before = decodeBundleHead(head)
  const account = makers.find(maker => before && equalBytes(maker.device.publicKey, before.deviceId))
  if (!account || !before) throw new Error('it was made by somebody else')
  const bundle = { ...given, ...change, welcomes: [] }
  const value = create(
    DeliveredCommitSchema,
    signedAs(account, envelope.conversationId, bundle, { epochTag: before.epochTag }),
  )
  return { ...envelope, envelope: { case: 'commit', value } }
}

type BodyInit = NonNullable<MessageInitShape<typeof ContentSchema>['body']>

/** The same account on another device. */
export const secondDevice = ({ handle, account }: NewAccount): NewAccount =>
  restoreAccount({ handle, seed: account.privateKey })

function conversationFor({ context, tx }: Unit, { room, others }: GroupSetup): ConversationNumber {
  if (room) return context.conversations.openRoom(tx, room.name ?? 'tea')
  const own = context.account.account.publicKey
  const other = others.find(({ account }) => !equalBytes(account.publicKey, own))
  if (!other) return context.conversations.openOwnDevices(tx)
  return context.conversations.open(tx, other.account.publicKey)
}

/** The leaves of accounts that these changes take out. */
const outBy = ({ leaves }: Held, changes: readonly Change[]) =>
  leaves.flatMap(({ accountKey, deviceKey }) =>
    changes.some(change => change.kind === 'remove' && sameKey(change.accountKey, accountKey))
      ? [deviceKey]
      : [],
  )

export class TestGroup {
  readonly #seats = new Map<OwnAccount, GroupState>()
  /** Those who were added, and join when they have something to say. */
  readonly #joins = new Map<OwnAccount, () => Promise<GroupState>>()
  #packages: readonly KeyPackagePair[] = []
  #sequence = 0n
  /** As all members but this device hold it. */
  #held: Held
  /** Those that the last commit has added, with what it welcomes them by. */
  welcomed: { packages: readonly KeyPackagePair[]; welcome: Uint8Array | undefined } | undefined

  private constructor(
    private readonly test: TestContext,
    readonly number: GroupNumber,
    held: Held,
  ) {
    this.#held = held
  }

  /** All are in it from its first epoch, in the order of the one who made it, this device, the others. */
  static async of(test: TestContext, setup: GroupSetup): Promise<TestGroup> {
    const { engine, account } = test.context
    const { others, by = account } = setup
    const added = [account, ...others].filter(each => each !== by)
    const { room } = setup
    const founded = await foundGroup(engine, by, { others: added, ...(room && { room }) })
    const { join } = founded
    const own = by === account ? founded : await join(added.indexOf(account))
    const { number } = await test.written((tx, unit) => {
      for (const other of setup.others) unit.context.contacts.meet(tx, claimOf(other))
      learn(unit, [account, ...others])
      const conversation = conversationFor(unit, setup)
      return unit.context.groups.add(tx, { conversation, phase: joined() }, own)
    })
    const group = new TestGroup(test, number, founded.held)
    for (const [index, other] of added.entries())
      group.#joins.set(other, async () => (await join(index)).state)
    if (by !== account) group.#seats.set(by, founded.state)
    test.told.length = 0
    return group
  }

  /** As it is saved. */
  get live(): LiveGroup {
    return this.test.context.groups.get(this.number)!
  }

  get conversation(): ConversationNumber {
    return this.live.record.conversation
  }

  /** As this unit of work sees it. */
  in(unit: Unit): LiveGroup {
    return groupIn(unit, this)
  }

  change(change: GroupChange): Promise<void> {
    return this.test.written((tx, unit) => unit.context.groups.change(tx, this.in(unit), change))
  }

  /** Puts it into a phase, whatever it is in. */
  async enter(phase: GroupPhase): Promise<void> {
    await putInPhase(this.test, this, phase)
  }

  /** The next place in the server's order. */
  envelope(what: Envelope['envelope']): Placed<Envelope> {
    this.#sequence += 1n
    const envelope = create(EnvelopeSchema, {
      conversationId: this.live.record.conversationId,
      sequence: this.#sequence,
      storedAtMs: BigInt(this.test.clock.now()),
      envelope: what,
    })
    return placed(envelope)
  }

  /** Sealed by another member, as the server delivers it. */
  async sealed(from: OwnAccount, saying: Saying): Promise<Placed<Envelope>> {
    const content = encodeContent(this.#content(from, saying))
    return await this.sealedBytes(from, pad(content))
  }

  /** The same, of whatever an altered program seals. */
  async sealedBytes(from: OwnAccount, plaintext: Uint8Array): Promise<Placed<Envelope>> {
    const sealed = await this.test.context.engine.seal(await this.#seat(from), plaintext)
    this.#seats.set(from, sealed.state)
    return this.envelope({
      case: 'application',
      value: {
        $typeName: 'parley.v1.ApplicationEnvelope',
        epoch: this.test.context.engine.epoch(sealed.state),
        ciphertext: sealed.ciphertext,
      },
    })
  }

  /** Another member opens what this device has sealed. */
  async opened(by: OwnAccount, ciphertext: Uint8Array): Promise<Opened> {
    const opened = await this.test.context.engine.open(await this.#seat(by), ciphertext, () => true)
    if ('state' in opened) this.#seats.set(by, opened.state)
    return opened
  }

  /** Committed by another member, whose own state and those of the others come into the new epoch. */
  async committed(from: OwnAccount, change: TestCommit = {}): Promise<Placed<Envelope>> {
    const { engine } = this.test.context
    const own = this.test.context.account
    for (const other of this.#joins.keys()) if (other !== own) await this.#seat(other)
    const before = await this.#seat(from)
    const made = await engine.commit(before, change.raw ?? (await this.#planned(from, change)))
    this.#seats.set(from, engine.adopt(before, made.pending).state)
    this.welcomed = { packages: this.#packages, welcome: made.welcome }
    for (const [other, state] of this.#seats) {
      if (other === from) continue
      const opened = await engine.open(state, made.commit, () => true)
      if (opened.kind === 'commit') this.#seats.set(other, opened.state)
    }
    const bundle = { epoch: engine.epoch(before), commit: made.commit, welcomes: [] }
    const { conversationId } = this.live.record
    const value = create(DeliveredCommitSchema, signedAs(from, conversationId, bundle, { state: before }))
    return this.envelope({ case: 'commit', value })
  }

  /** The parts of a commit that the other members take, or by `force` one that says so. */
  async #planned(
    from: OwnAccount,
    { changes = [], add = [], remove = [], rejoins = [], force = false }: TestCommit,
  ): Promise<CommitChange> {
    const { engine } = this.test.context
    const state = await this.#seat(from)
    const held = atState(engine, this.#held, state)
    const { groupId, epoch } = held
    const entries: SignedChainEntry[] = []
    let place: Pick<Held['state'], 'number' | 'head'> = held.state
    for (const change of changes) {
      const entry = makeEntry(nodeCrypto, { before: place, groupId, epoch }, { ...from, change })
      entries.push(entry)
      place = { number: place.number + 1, head: entryHash(nodeCrypto, entry) }
    }
    const packages = await Promise.all(add.map(account => keyPackageOf(engine, account)))
    this.#packages = packages
    const added = await Promise.all(
      packages.map(async each => newLeafOf(await engine.inspectKeyPackage(each.publicPackage))),
    )
    const committer = from.device.publicKey
    const lists = add.map(listOf).filter(list => withList(held.ledger, list) !== undefined)
    const basis = { lists: lists.map(({ encoded }) => encoded), removals: [], rejoins }
    const asked = remove.map(({ device }) => device.publicKey)
    const removed = force
      ? asked
      : [...leavesToRemove(nodeCrypto, held, { committer, entries, basis }), ...asked]
    const gone = [...removed, ...(force ? outBy(held, changes) : [])]
    const leaves = engine.members(state).filter(({ signatureKey }) => includesKey(gone, signatureKey))
    const commit = {
      add: packages.map(({ publicPackage }) => publicPackage),
      remove: leaves.map(({ leaf }) => leaf),
    }
    if (force)
      return {
        ...commit,
        settings: encodeGroupState(nodeCrypto, held, entries),
        authenticatedData: encodeBasis(basis),
      }
    const planned = planCommit(nodeCrypto, held, { committer, entries, added, basis, removed })
    this.#held = { ...planned.after, entries: [...held.entries, ...planned.entries] }
    return {
      ...commit,
      ...(planned.groupState && { settings: planned.groupState }),
      authenticatedData: planned.basis,
      joiner: keptBytes(this.#held),
    }
  }

  /** Another member says this, and it does what its type says, past all that is checked before. */
  take(from: OwnAccount, saying: Saying): Promise<void> {
    return this.test.written(async (tx, unit) => {
      const received = this.#received(unit, from, saying)
      const { body } = received.content
      if (body.case === undefined) return
      const { context } = unit
      const input = inputOf(received, body)
      if (input) move(context, tx, received.group, input, { place: received.envelope })
      await takeBody(context, tx, received, body)
    })
  }

  /** The contents that this device has sealed for the group so far and the server has not stored, oldest first. */
  sent(): Plain[] {
    return this.test.outbox
      .items()
      .filter(({ item }) => item.group === this.number)
      .flatMap(({ item }) =>
        item.what.case === 'content' ? [decodeContent(pad(item.what.value.content))!] : [],
      )
      .flatMap(({ body }) => (body.case === undefined ? [] : [plain(body)]))
  }

  #received(unit: Unit, from: OwnAccount, saying: Saying): Received {
    const own = unit.context.account
    const { handle, account, certificate, device } = from
    return {
      group: this.in(unit),
      envelope: this.envelope({ case: undefined }),
      content: counted(encodeContent(this.#content(from, saying))),
      handle,
      accountKey: account.publicKey,
      device: device.publicKey,
      certificate,
      isOurs: handle === own.handle && Buffer.compare(account.publicKey, own.account.publicKey) === 0,
    }
  }

  #content(from: OwnAccount, { body, ...given }: Saying): MessageInitShape<typeof ContentSchema> {
    const sentAtMs = BigInt(this.test.clock.now())
    const said = { count: 1n, joinedEpoch: this.live.record.joinedEpoch, sentAtMs, resentCount: 0n, ...given }
    return { ...said, body: isPlain(body) ? this.signedText(from, body.value.text, said) : body }
  }

  /** A text that a device has signed as one of this group. */
  signedText(
    { account, device }: OwnAccount,
    text: string,
    said: Pick<Content, 'count' | 'joinedEpoch' | 'sentAtMs' | 'resentCount'>,
  ): Extract<BodyInit, { case: 'text' }> {
    const { held } = this.live
    const place = { conversationId: held.state.id, groupId: held.groupId, joinedEpoch: said.joinedEpoch }
    const statement = { ...place, count: said.resentCount || said.count, sentAt: Number(said.sentAtMs), text }
    const writer = { accountKey: account.publicKey, device }
    return { case: 'text', value: { signed: makeTextStatement(nodeCrypto, statement, writer) } }
  }

  async #seat(of: OwnAccount): Promise<GroupState> {
    const state = this.#seats.get(of) ?? (await this.#joins.get(of)?.())
    if (!state) throw new Error(`${of.handle} is not in this group`)
    this.#seats.set(of, state)
    return state
  }
}
