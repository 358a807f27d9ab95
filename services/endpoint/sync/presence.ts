// Presence: devices tell it to those whom they have a conversation with, end to end, while they are connected.

import type { EphemeralEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { GONE_AFTER_MS, IGNORED_AFTER_MS, PRESENCE_DEVICES } from '../../protocol/content/presence.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, type DeviceKey, type KeyText, keyText } from '../../protocol/keys.js'
import type { Context } from '../context.js'
import type { EndpointEvent } from '../events.js'
import { isOwn } from '../groups/membership.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { openEphemeral, sealEphemeral } from '../messages/sealing/ephemeral.js'
import { isSilent } from '../messages/sealing/seal.js'
import type { Clock } from '../ports.js'
import type { Outgoing } from './frames.js'

export interface Said {
  /** Or this device leaves. */
  here: boolean
  /** Those who hear it are to say the same of themselves. */
  asks: boolean
}

export class Presence {
  /** By account: how they are called, and when they were last heard, in ms since 1970. */
  readonly #present = new Map<KeyText<AccountKey>, { name: string; heardAt: number }>()
  /** By device: the time of what it said last, by its own clock. */
  readonly #lastSent = new Map<KeyText<DeviceKey>, bigint>()

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly emit: (event: EndpointEvent) => void,
  ) {}

  isHere(accountKey: AccountKey): boolean {
    return this.#present.has(keyText(accountKey))
  }

  /** Says that this device is here, or leaves: in these groups, or in those of the conversations in use. */
  async announce(
    context: Pick<
      Context,
      'account' | 'contacts' | 'conversations' | 'engine' | 'groups' | 'lists' | 'random' | 'recents'
    >,
    what: Said,
    groups: readonly LiveGroup[] = inUse(context),
  ): Promise<Outgoing[]> {
    const active = groups.filter(group => can(group.phase, 'say-presence') && mayHear(context, group))
    return await Promise.all(active.map(group => this.#say(context, group, what)))
  }

  /** Takes in what a peer says; returns the answer, if it wants one. */
  async take(
    context: Pick<
      Context,
      'account' | 'contacts' | 'conversations' | 'engine' | 'groups' | 'lists' | 'random'
    >,
    conversationId: Uint8Array,
    envelope: EphemeralEnvelope,
  ): Promise<Outgoing[]> {
    const { contacts, groups } = context
    const group = groups.byId(conversationId)
    if (!group || !can(group.phase, 'say-presence')) return []
    const opened = await openEphemeral(context, group, envelope)
    if (opened?.content.body.case !== 'presence') return []
    const { accountKey } = parseVerifiedCertificate(opened.sender.identity)
    if (contacts.isBlocked(accountKey) || contacts.isClaim(accountKey)) return []
    const isNews = this.#isNews(opened.sender.signatureKey, opened.content.sentAtMs)
    if (!isNews || isOwn(context, { accountKey })) return []
    const { here, asks } = opened.content.body.value
    this.#set({ account: keyText(accountKey), name: contacts.nameOf(accountKey) }, here)
    return asks && mayHear(context, group)
      ? [await this.#say(context, group, { here: true, asks: false })]
      : []
  }

  /** Those of whom nothing was heard lately have gone. */
  expire(): void {
    const now = this.clock.now()
    for (const [account, { name, heardAt }] of this.#present)
      if (now - heardAt > GONE_AFTER_MS) this.#set({ account, name }, false)
  }

  /** The line is down: nothing is known of anybody. */
  forget(): void {
    this.#present.clear()
  }

  async #say(
    context: Pick<Context, 'account' | 'engine' | 'random'>,
    group: LiveGroup,
    what: Said,
  ): Promise<Outgoing> {
    const value = await sealEphemeral(context, group, {
      sentAtMs: BigInt(this.clock.now()),
      body: { case: 'presence', value: what },
    })
    return {
      clientSequence: 0n,
      conversationId: group.record.conversationId,
      envelope: { case: 'ephemeral', value },
    }
  }

  /** Not what was said before something else, nor long ago: a server can deliver it when it likes. */
  #isNews(deviceId: DeviceKey, sentAtMs: bigint): boolean {
    const device = keyText(deviceId)
    const isOld =
      sentAtMs <= (this.#lastSent.get(device) ?? 0n) || Number(sentAtMs) < this.clock.now() - IGNORED_AFTER_MS
    if (!isOld) this.#lastSent.set(device, sentAtMs)
    return !isOld
  }

  #set({ account, name }: { account: KeyText<AccountKey>; name: string }, here: boolean): void {
    const was = this.#present.has(account)
    if (here) this.#present.set(account, { name, heardAt: this.clock.now() })
    else this.#present.delete(account)
    if (was !== here) this.emit({ type: 'presence', handle: name, here })
  }
}

/** Others hear of it when they use theirs, and ask. */
const inUse = ({ groups, recents }: Pick<Context, 'groups' | 'recents'>): LiveGroup[] =>
  recents.all().flatMap(each => groups.of(each))

/** Nobody who is blocked is in it, nor somebody whose changed key nobody has accepted. */
function mayHear(
  context: Pick<Context, 'account' | 'contacts' | 'conversations' | 'engine' | 'lists'>,
  group: LiveGroup,
): boolean {
  if (isSilent(context, group)) return false
  const members = context.engine.members(group.state)
  if (members.length > PRESENCE_DEVICES) return false
  const accounts = members.map(({ identity }) => parseVerifiedCertificate(identity).accountKey)
  return !accounts.some(accountKey => context.contacts.isBlocked(accountKey))
}
