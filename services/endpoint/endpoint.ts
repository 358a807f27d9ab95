// One end of Parley's conversations: its keys, its groups, its vault, and its line to the server. People, scripts
// and tests run it through this interface and hear of everything by events.

import { AccountSide } from './account-side.js'
import {
  type KeyChangePolicy,
  markVerified,
  setBlocked,
  type Verification,
  verification,
} from './contacts/trust.js'
import type { Context, RunTransaction } from './context.js'
import { type Doctor, openDoctor } from './doctor/doctor.js'
import type { EndpointEvent, HistoryEntry, MessageId } from './events.js'
import type { KnownConversation } from './history/conversations.js'
import type { ConversationNumber } from './ids.js'
import { checkText, writeText } from './messages/content/text.js'
import {
  admit,
  askerOf,
  decline,
  type RequestPolicy,
  type RequestView,
  setAside,
  showSetAside,
  viewRequests,
} from './messages/requests.js'
import { leaveGroup } from './messages/self-removal.js'
import { createEngine } from './mls/engine.js'
import { validateCredential } from './mls/validate-credential.js'
import { openWith, type PersonHere, people, personIn } from './people.js'
import type { Ports } from './ports.js'
import {
  changeRoom,
  checkMayWrite,
  createRoom,
  type RoomChange,
  type RoomOptions,
  type RoomView,
  roomOf,
  viewRoom,
} from './rooms.js'
import { openStores } from './stores.js'
import { acceptKey } from './sync/keys/key-changes.js'
import { Presence } from './sync/presence.js'
import { Sync } from './sync/sync.js'
import { Records } from './vault/records.js'
import { type KnownKey, keysKnown, unsettled } from './views.js'

export type { StartOptions } from './first-start.js'
export type { PersonHere } from './people.js'

export interface EndpointOptions {
  /** The policy for another account key than before; unless given, nothing is sent until a person accepts it. */
  keyChange?: KeyChangePolicy
  /** The answer to strangers who open a conversation: unless given, they wait until a person lets them in. */
  requests?: RequestPolicy
  /** One-time key packages that are kept at the server, for those who open a conversation; 50 unless given. */
  keyStock?: number
  /** Called for everything that happens, from the first line on. */
  onEvent(event: EndpointEvent): void
}

/** The parts that an endpoint is made of. */
interface EndpointParts {
  ports: Ports
  records: Records
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  presence: Presence
  sync: Sync
  doctor: Doctor
}

/** An endpoint on these ports, which are its own: closing it closes the vault and the opener. Throws VaultError. */
export async function openEndpoint(ports: Ports, options: EndpointOptions): Promise<Endpoint> {
  const { vault, welcomes, clock, random } = ports
  const { keyChange = 'block', requests = 'hold', keyStock, onEvent } = options
  const records = new Records(vault, onEvent)
  const engine = await createEngine({ validate: validateCredential, now: () => clock.now() })
  const { context, outbox, transaction } = openStores(records, {
    ...{ engine, welcomes, clock, random, requests },
  })
  const presence = new Presence(clock, onEvent)
  const sync = new Sync({
    ...{ context, outbox, transaction, presence, ports, keyChange, keyStock },
    emit: onEvent,
  })
  const doctor = openDoctor({ context, transaction, ports, sync })
  return new Endpoint({ ports, records, context, transaction, presence, sync, doctor })
}

export class Endpoint implements Doctor {
  readonly #parts: EndpointParts
  readonly #own: AccountSide
  readonly examine: Doctor['examine']
  readonly repair: Doctor['repair']

  /** undefined until `prepare` has made the account. */
  readonly account: AccountSide['account'] = () => this.#own.account()
  /** Whether a server has ever taken this device in: until then nothing of its vault is of use to anybody. */
  readonly wasTakenIn: AccountSide['wasTakenIn'] = () => this.#own.wasTakenIn()
  readonly server: AccountSide['server'] = () => this.#own.server()
  /** The operator's handle, once the server told it. */
  readonly operator: AccountSide['operator'] = () => this.#own.operator()
  /** Makes the account and notes the server where that is missing. Throws Refusal for what is no handle. */
  readonly prepare: AccountSide['prepare'] = start => this.#own.prepare(start)
  readonly changePassphrase: AccountSide['changePassphrase'] = next => this.#own.changePassphrase(next)
  /** A link that names the server and this account by their keys; undefined before the server's key is pinned. */
  readonly inviteLink: AccountSide['inviteLink'] = () => this.#own.inviteLink()
  /** The 24 words, while they are here. Secret. */
  readonly recoveryPhrase: AccountSide['recoveryPhrase'] = () => this.#own.recoveryPhrase()
  /** Whether the words are kept here until the person has confirmed to have them. */
  readonly keepsWords: AccountSide['keepsWords'] = () => this.#own.keepsWords()
  /** The person has the words: they go. */
  readonly confirmWords: AccountSide['confirmWords'] = () => this.#own.confirmWords()
  /** This account's devices as far as they are known here, in the order of its list: each may end those behind it. */
  readonly devices: AccountSide['devices'] = () => this.#own.devices()
  /** Calls this device so among them. Throws Refusal. */
  readonly nameDevice: AccountSide['nameDevice'] = name => this.#own.nameDevice(name)
  /** Ends a device, or leaves it out of the list that is to be signed. Throws Refusal. */
  readonly revokeDevice: AccountSide['revokeDevice'] = id => this.#own.revokeDevice(id)
  /** The person agrees that a device of this account that waits is handed the history of this one. Throws Refusal. */
  readonly giveHistory: AccountSide['giveHistory'] = id => this.#own.giveHistory(id)
  /** The person has seen the devices of the account, and agrees to a list with this one. `connect` brings it. Throws Refusal. */
  readonly join: AccountSide['join'] = wish => this.#own.join(wish)
  /** The person does not agree: the words go. */
  readonly abandonJoining: AccountSide['abandonJoining'] = () => this.#own.abandonJoining()

  constructor(parts: EndpointParts) {
    this.#parts = parts
    this.#own = new AccountSide({ ...parts, change: this.#change })
    this.examine = parts.doctor.examine
    this.repair = parts.doctor.repair
  }

  /** Connects, and keeps the line up from here. */
  connect(): void {
    this.#parts.sync.start()
  }

  /**
   * The conversation with whoever is shown by this name, opened now if there is none. Works without a line. Throws
   * Refusal for what is not the name of another person; VaultError.
   */
  async open(handle: string): Promise<ConversationNumber> {
    return await this.#change(({ context, tx }) => openWith(context, tx, handle))
  }

  /**
   * Saves the text; it is sent as soon as it can be. Throws VaultError, and Refusal for a text that is too long or a
   * room that this account is not in any more; then nothing is kept.
   */
  async send(conversation: ConversationNumber, text: string): Promise<MessageId> {
    checkText(text)
    // Half a surrogate pair has no encoding.
    const wellFormed = text.toWellFormed()
    return await this.#change(({ context, tx }) => {
      checkMayWrite(context, conversation)
      const asker = context.conversations.askedBy(conversation)
      if (asker) admit(context, tx, asker)
      return writeText(context, tx, conversation, wellFormed)
    })
  }

  /** A new room, whose admin is this account. Throws Refusal. */
  createRoom(options: RoomOptions): Promise<ConversationNumber> {
    return this.#change(({ context, tx }) => createRoom(context, tx, options))
  }

  /** The room is changed as soon as that can be. Throws Refusal; then nothing is changed. */
  changeRoom(conversation: ConversationNumber, change: RoomChange): Promise<void> {
    return this.#change(({ context, tx }) => changeRoom(context, tx, conversation, change))
  }

  /** Throws Refusal. */
  leaveRoom(conversation: ConversationNumber): Promise<void> {
    return this.#change(async ({ context, tx }) => {
      const room = roomOf(context, conversation)
      await leaveGroup(context, tx, room.group)
    })
  }

  /** Throws Refusal for a conversation that is no room. */
  room(conversation: ConversationNumber): RoomView {
    return viewRoom(this.#parts.context, conversation)
  }

  /** The safety number to compare with this person by another way. Throws Refusal where their key is not known. */
  verify(handle: string): Verification {
    return verification(this.#parts.context, handle)
  }

  /** The number was the same on both sides; `fingerprint`: as `verify` gave it with that number. Throws Refusal. */
  markVerified(handle: string, fingerprint?: string): Promise<void> {
    return this.#change(({ context, tx }) => markVerified(context, tx, handle, fingerprint))
  }

  /**
   * Takes the changed key of this person for theirs; what waits goes out to it. `fingerprint`: of the key that the person
   * was shown, by the event or by `verify`. Throws Refusal, also where another key has come since.
   */
  async accept(handle: string, fingerprint: string): Promise<void> {
    await this.#change(({ context, tx }) => acceptKey(context, tx, handle, fingerprint))
    this.#parts.sync.keys.lookAgain()
  }

  /** Those who wait to be let in. */
  requests(): RequestView[] {
    return viewRequests(this.#parts.context)
  }

  /** Lets them in: `name` is theirs, or of what they have asked for. Throws Refusal. */
  async admit(name: string): Promise<void> {
    await this.#change(({ context, tx }) => admit(context, tx, askerOf(context, name)))
    // The devices of both were not looked at while it was a request.
    this.#parts.sync.keys.changed(this.#parts.context.account.handle)
  }

  /** Does not, and leaves what they have opened, which they can see. Throws Refusal. */
  decline(name: string): Promise<void> {
    return this.#change(({ context, tx }) => decline(context, tx, askerOf(context, name)))
  }

  /** From here on nothing of this person is shown, and nothing told to them: what they ask for is set aside. Throws Refusal. */
  block(handle: string): Promise<void> {
    return this.#change(({ context, tx }) => {
      setBlocked(context, tx, handle, true)
      const accountKey = context.contacts.find(handle)
      if (accountKey) setAside(context, tx, accountKey)
    })
  }

  /** Throws Refusal. */
  unblock(handle: string): Promise<void> {
    return this.#change(({ context, tx }) => {
      setBlocked(context, tx, handle, false)
      showSetAside(context, tx)
    })
  }

  conversations(): KnownConversation[] {
    return this.#parts.context.conversations.all().filter(({ kind }) => kind !== 'own-devices')
  }

  /** undefined: a person knows of no such conversation. */
  conversation(number: ConversationNumber): KnownConversation | undefined {
    const known = this.#parts.context.conversations.get(number)
    return known?.kind === 'own-devices' ? undefined : known
  }

  people(): PersonHere[] {
    return people(this.#parts.context, this.#parts.presence)
  }

  /** The other one; undefined for a conversation that is not with one person. */
  person(conversation: ConversationNumber): PersonHere | undefined {
    return personIn(this.#parts.context, this.#parts.presence, conversation)
  }

  /** Everybody whose key is known. */
  contacts(): KnownKey[] {
    return keysKnown(this.#parts.context)
  }

  history(conversation: ConversationNumber, limit?: number): HistoryEntry[] {
    return this.#parts.context.conversations.history(conversation, limit)
  }

  /** Own messages that the server does not have, and those that no device of the other side has. */
  unsettled(): { unsent: number; undelivered: number } {
    const { context } = this.#parts
    return unsettled(context)
  }

  /** Closes the line and the vault. Texts that are unsent stay for the next time. */
  async close(): Promise<void> {
    const { ports, records, sync } = this.#parts
    await sync.stop()
    await records.idle()
    await ports.welcomes.close()
    ports.vault.close()
  }

  /** A change by a person: saved, then sent as soon as it can be. */
  readonly #change: RunTransaction = async work => {
    const done = await this.#parts.transaction(work)
    this.#parts.sync.nudge()
    return done
  }
}
