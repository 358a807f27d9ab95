// A group of this device with others, all of them on the real engine, without a server: what the others seal and
// commit is given to the parts of the endpoint by hand.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { Content, ContentSchema } from '../../gen/parley/content/v1/content_pb.js'
import { GroupKind, GroupSettingsSchema } from '../../gen/parley/content/v1/room_pb.js'
import { DeliveredCommitSchema, type Envelope, EnvelopeSchema } from '../../gen/parley/v1/chat_pb.js'
import { type NewAccount, type OwnAccount, restoreAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import { encodeSettings } from '../../services/endpoint/groups/policy.js'
import { type GroupPhase, joined } from '../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import type { ConversationNumber, GroupNumber, Placed } from '../../services/endpoint/ids.js'
import type { Body, Received } from '../../services/endpoint/messages/content/content-type.js'
import { inputOf, takeBody } from '../../services/endpoint/messages/content/registry.js'
import { counted, decodeContent, encodeContent } from '../../services/endpoint/messages/sealing/format.js'
import { move } from '../../services/endpoint/messages/transition.js'
import type { CommitChange, GroupState, Opened } from '../../services/endpoint/mls/engine.js'
import { equalBytes } from '../../services/protocol/bytes.js'
import { pad } from '../../services/protocol/content/padding.js'
import { decodeBundleHead } from '../../services/protocol/log/bundle-head.js'
import { claimOf, groupIn, type TestContext } from './endpoint-context.js'
import { foundGroup, putInPhase } from './endpoint-groups.js'
import { placed } from './numbers.js'

export interface GroupSetup {
  /** Between two people unless given. */
  kind?: GroupKind
  /** Accounts, each with the device that it names; the own one may stand among them with another device. */
  others: readonly OwnAccount[]
  /** The one of them who made it, and stands before all others; this device unless given. */
  by?: OwnAccount
  /** Of a room; who made it unless given. */
  admins?: readonly OwnAccount[]
  /** Of a room. */
  historyDays?: number
  name?: string
}

/** A content of another device: a field that is not given is that of a device that has said nothing else. */
export type Saying = Partial<Pick<Content, 'count' | 'sentAtMs' | 'joinedEpoch' | 'resentCount'>> & {
  body: BodyInit
}

/** A delivered commit, changed by the one of these who made it. */
export function resigned(
  makers: readonly OwnAccount[],
  envelope: Placed<Envelope>,
  change: Pick<MessageInitShape<typeof DeliveredCommitSchema>, 'commit' | 'rosterChange'>,
): Placed<Envelope> {
  if (envelope.envelope.case !== 'commit') throw new Error('no commit')
  const { $typeName, head, headSignature, ...given } = envelope.envelope.value
  const device = decodeBundleHead(head)?.deviceId ?? new Uint8Array()
  const account = makers.find(maker => equalBytes(maker.device.publicKey, device))
  if (!account) throw new Error('it was made by somebody else')
  const bundle = { ...given, ...change, welcomes: [] }
  const value = create(DeliveredCommitSchema, signed({ account }, envelope.conversationId, bundle))
  return { ...envelope, envelope: { case: 'commit', value } }
}

export type BodyInit = NonNullable<MessageInitShape<typeof ContentSchema>['body']>

/** The same account on another device. */
export const secondDevice = ({ handle, account }: NewAccount): NewAccount =>
  restoreAccount({ handle, seed: account.privateKey })

export const adminOf = ({ handle, account }: OwnAccount) => ({ handle, accountKey: account.publicKey })

function settingsFor(founder: OwnAccount, setup: GroupSetup): Uint8Array | undefined {
  const { kind = GroupKind.DIRECT, admins = [founder], historyDays = 0, name = 'tea' } = setup
  if (kind === GroupKind.DIRECT) return undefined
  const room = { name, history: { days: historyDays }, admins: admins.map(adminOf) }
  return encodeSettings(create(GroupSettingsSchema, { kind, ...(kind === GroupKind.ROOM ? room : {}) }))
}

function conversationFor(
  { context, tx }: Unit,
  { kind, others, name = 'tea' }: GroupSetup,
): ConversationNumber {
  if (kind === GroupKind.ROOM) return context.conversations.openRoom(tx, name)
  if (kind === GroupKind.OWN_DEVICES) return context.conversations.openOwnDevices(tx)
  return context.conversations.open(tx, others[0]!.account.publicKey)
}

export class TestGroup {
  readonly #seats = new Map<OwnAccount, GroupState>()
  /** Those who were added, and join when they have something to say. */
  readonly #joins = new Map<OwnAccount, () => Promise<GroupState>>()
  #sequence = 0n

  private constructor(
    private readonly test: TestContext,
    readonly number: GroupNumber,
  ) {}

  /** All are in it from its first epoch, in the order of the one who made it, this device, the others. */
  static async of(test: TestContext, setup: GroupSetup): Promise<TestGroup> {
    const { engine, account } = test.context
    const { others, by = account } = setup
    const added = [account, ...others].filter(each => each !== by)
    const settings = settingsFor(by, setup)
    const founded = await foundGroup(engine, by, { others: added, ...(settings && { settings }) })
    const { conversationId, join } = founded
    const state = by === account ? founded.state : await join(added.indexOf(account))
    const { number } = await test.written((tx, unit) => {
      for (const other of setup.others) unit.context.contacts.meet(tx, claimOf(other))
      const conversation = conversationFor(unit, setup)
      return unit.context.groups.add(tx, { conversationId, conversation, phase: joined() }, state)
    })
    const group = new TestGroup(test, number)
    for (const [index, other] of added.entries()) group.#joins.set(other, () => join(index))
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
    const content = encodeContent(this.#content(saying))
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
  async committed(from: OwnAccount, change: CommitChange = {}): Promise<Placed<Envelope>> {
    const { engine } = this.test.context
    const own = this.test.context.account
    for (const other of this.#joins.keys()) if (other !== own) await this.#seat(other)
    const before = await this.#seat(from)
    const made = await engine.commit(before, change)
    this.#seats.set(from, engine.adopt(before, made.pending).state)
    for (const [other, state] of this.#seats) {
      if (other === from) continue
      const opened = await engine.open(state, made.commit, () => true)
      if (opened.kind === 'commit') this.#seats.set(other, opened.state)
    }
    const bundle = { epoch: engine.epoch(before), commit: made.commit, welcomes: [] }
    const { conversationId } = this.live.record
    const value = create(DeliveredCommitSchema, signed({ account: from }, conversationId, bundle))
    return this.envelope({ case: 'commit', value })
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
  sent(): Body[] {
    return this.test.outbox
      .items()
      .filter(({ item }) => item.group === this.number)
      .flatMap(({ item }) =>
        item.what.case === 'content' ? [decodeContent(pad(item.what.value.content))!] : [],
      )
      .flatMap(({ body }) => (body.case === undefined ? [] : [body]))
  }

  #received(unit: Unit, { handle, account, device }: OwnAccount, saying: Saying): Received {
    const own = unit.context.account
    return {
      group: this.in(unit),
      envelope: this.envelope({ case: undefined }),
      content: counted(encodeContent(this.#content(saying))),
      handle,
      accountKey: account.publicKey,
      device: device.publicKey,
      isOurs: handle === own.handle && Buffer.compare(account.publicKey, own.account.publicKey) === 0,
    }
  }

  #content({ body, ...given }: Saying): MessageInitShape<typeof ContentSchema> {
    const sentAtMs = BigInt(this.test.clock.now())
    return { count: 1n, joinedEpoch: this.live.record.joinedEpoch, sentAtMs, ...given, body }
  }

  async #seat(of: OwnAccount): Promise<GroupState> {
    const state = this.#seats.get(of) ?? (await this.#joins.get(of)?.())
    if (!state) throw new Error(`${of.handle} is not in this group`)
    this.#seats.set(of, state)
    return state
  }
}
