// Looks for the people whom this endpoint has a conversation with and no group yet, and opens one with whoever is on
// the server.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { certifiedDevices } from '../../protocol/identity/certificate.js'
import { changeOf } from '../contacts/contacts.js'
import type { KeyChangePolicy } from '../contacts/trust.js'
import type { Context, RunTransaction } from '../context.js'
import { crypto } from '../crypto.js'
import type { EndpointEvent } from '../events.js'
import { waitingTexts } from '../messages/unsent.js'
import { takeClaim, type Wanted, wantedKeyPackages } from './claims.js'
import { establish } from './establish.js'
import { settleChange } from './key-changes.js'

/** How often one person is looked for at most, in ms: every time uses up a key package of theirs. */
const LOOK_AGAIN_MS = 15_000

/** Handles whose key packages are claimed in one call: each may have 16 devices, and the answer is one gRPC message. */
export const CLAIMS_AT_ONCE = 64

export interface Search {
  /** Looks for everybody who is due. Throws VaultError; what fails because of the line is due again. */
  run(): Promise<void>
  /** A new line, or somebody was accepted: whoever was looked for before is due. */
  restart(): void
}

export interface SearchOptions {
  context: Context
  transaction: RunTransaction
  /** undefined: the line went down. */
  claim(...handles: string[]): Promise<KeyExchanged | undefined>
  /** So many handles in one call at most. */
  claimsAtOnce(): number
  /** The same without key packages. */
  lookUp(handle: string): Promise<KeyExchanged | undefined>
  keyChange: KeyChangePolicy
  later(ms: number, action: () => void): void
  nudge(): void
  emit(event: EndpointEvent): void
}

type Claim = KeyExchanged['claims'][number]['outcome'] | undefined

type Found = 'opened' | 'absent' | 'line-down'

export function openSearch(options: SearchOptions): Search {
  const { context, transaction, claim, later, nudge, emit } = options
  /** Not due now. */
  const looked = new Set<bigint>()
  /** Were looked for and are not on the server. */
  const absent = new Set<bigint>()
  const told = new Set<bigint>()
  /** Intents whose key packages are being claimed, or were on this line. */
  const claiming = new Set<string>()
  /** Changed keys that were looked into and wait for a person. */
  const settled = new Set<string>()

  const look = async (conversation: bigint, peer: string): Promise<Found> => {
    // A new group has all devices of this account from its beginning, so that none misses what is said first.
    const answer = await claim(peer, context.account.handle)
    if (!answer) return 'line-down'
    const outcome = answer.claims[0]?.outcome
    if (outcome?.case !== 'devices') return 'absent'
    const ownOutcome = answer.claims[1]?.outcome
    const own = ownOutcome?.case === 'devices' ? ownOutcome.value.devices : []
    const result = await transaction(async ({ context, outbox, tx }) => {
      if (!needsGroup(context, conversation)) return undefined
      const claimed = outcome.value.devices
      return await establish(context, outbox, tx, { conversation, claimed, own })
    })
    return result === 'no-device' ? 'absent' : 'opened'
  }
  /** Once, and only to somebody who has written to them, which may be after they were looked for. */
  const tellAbsent = (conversation: bigint, peer: string) => {
    const isWaiting = waitingTexts(context).some(id => id.conversation === conversation)
    if (!isWaiting || told.has(conversation)) return
    told.add(conversation)
    emit({ type: 'notice', level: 'info', notice: { code: 'absent', peer } })
  }
  const lookAndNote = async (conversation: bigint, peer: string) => {
    looked.add(conversation)
    absent.delete(conversation)
    // Also for one who was found: the server may refuse the group, and then this would go round and round.
    later(LOOK_AGAIN_MS, () => {
      looked.delete(conversation)
      nudge()
    })
    const found = await look(conversation, peer)
    if (found === 'absent') absent.add(conversation)
    if (found === 'opened') nudge()
  }

  /** Key packages for those who are to be added to rooms, each intent once a line: all of them, for one commit. */
  const claimForIntents = async () => {
    const nameOf = ({ group, id }: Wanted) => `${group.number} ${id}`
    const wanted = wantedKeyPackages(context).filter(one => !claiming.has(nameOf(one)))
    if (wanted.length === 0) return
    for (const one of wanted) claiming.add(nameOf(one))
    const claims: Claim[] = []
    while (claims.length < wanted.length) {
      const some = wanted.slice(claims.length, claims.length + options.claimsAtOnce())
      const answer = await claim(...some.map(({ handle }) => handle))
      if (!answer) return
      claims.push(...some.map((_, index) => answer.claims[index]?.outcome))
    }
    await transaction(async ({ context, tx }) => {
      for (const [index, one] of wanted.entries()) {
        const outcome = claims[index]
        const devices = outcome?.case === 'devices' ? outcome.value.devices : undefined
        await takeClaim(context, tx, one, devices)
      }
    })
    for (const one of wanted) claiming.delete(nameOf(one))
    nudge()
  }

  /** Changed keys, by what the server says whose the handle is. */
  const settleChanges = async () => {
    for (const contact of context.contacts.all()) {
      const { handle } = contact
      const change = changeOf(contact)
      const name = change && `${handle} ${Buffer.from(change.seen).toString('hex')}`
      if (!name || settled.has(name)) continue
      settled.add(name)
      const answer = await options.lookUp(handle)
      const listed = answer && listedKeys(answer, handle)
      const goesOn =
        !listed ||
        (await transaction(({ context, tx }) =>
          settleChange(context, tx, handle, { listed, policy: options.keyChange }),
        ))
      if (!goesOn) continue
      settled.delete(name)
      if (!listed) return
      looked.clear()
      nudge()
    }
  }

  return {
    async run() {
      await settleChanges()
      await claimForIntents()
      for (const { number, peer } of context.conversations.all()) {
        if (!needsGroup(context, number)) continue
        if (!looked.has(number)) await lookAndNote(number, peer)
        if (absent.has(number)) tellAbsent(number, peer)
      }
    },
    restart() {
      looked.clear()
      claiming.clear()
    },
  }
}

/** The account keys that the server shows for a handle. */
function listedKeys({ lookups }: KeyExchanged, handle: string): Uint8Array[] {
  const outcome = lookups[0]?.outcome
  if (outcome?.case !== 'devices') return []
  return certifiedDevices(crypto, outcome.value.deviceCertificates)
    .filter(device => device.handle === handle)
    .map(({ accountKey }) => accountKey)
}

function needsGroup(context: Context, conversation: bigint): boolean {
  const { groups, contacts, conversations } = context
  if (conversations.kind(conversation) !== 'direct') return false
  // Another device of this account is in its group, and adds this one.
  const isWritten = () => waitingTexts(context).some(id => id.conversation === conversation)
  if (conversations.isFromHistory(conversation) && !isWritten()) return false
  if (contacts.isStopped(conversations.peer(conversation))) return false
  return !groups
    .all()
    .some(({ record }) => record.conversation === conversation && record.status !== GroupStatus.ENDED)
}
