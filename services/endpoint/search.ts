// Looks for the people whom this endpoint has a conversation with and no group yet, and opens one with whoever is on
// the server.

import type { KeyExchanged } from '../../gen/parley/v1/key_exchange_pb.js'
import { GroupStatus } from '../../gen/parley/vault/v1/records_pb.js'
import type { Context, SerialQueue } from './context.js'
import { takeClaim, wantedKeyPackages } from './conversation/claims.js'
import { establish } from './conversation/establish.js'
import type { Outbox } from './conversation/outbox.js'
import { waitingTexts } from './conversation/send.js'
import type { EndpointEvent } from './events.js'

/** How often one person is looked for at most, in ms: every time uses up a key package of theirs. */
const LOOK_AGAIN_MS = 15_000

export interface Search {
  /** Looks for everybody who is due. Throws VaultError; what fails because of the line is due again. */
  run(): Promise<void>
  /** A new line: whoever was looked for on the last one is due. */
  restart(): void
}

export interface SearchOptions {
  context: Context
  outbox: Outbox
  queue: SerialQueue
  /** undefined: the line went down. */
  claim(handle: string): Promise<KeyExchanged | undefined>
  later(ms: number, action: () => void): void
  nudge(): void
  emit(event: EndpointEvent): void
}

type Found = 'opened' | 'absent' | 'line-down'

export function openSearch({ context, outbox, queue, claim, later, nudge, emit }: SearchOptions): Search {
  /** Not due now. */
  const looked = new Set<bigint>()
  /** Were looked for and are not on the server. */
  const absent = new Set<bigint>()
  const told = new Set<bigint>()
  /** Intents whose key packages are being claimed, or were on this line. */
  const claiming = new Set<string>()

  const look = async (conversation: bigint, peer: string): Promise<Found> => {
    const answer = await claim(peer)
    if (!answer) return 'line-down'
    const outcome = answer.claims[0]?.outcome
    if (outcome?.case !== 'devices') return 'absent'
    const result = await queue.run(async () => {
      if (!needsGroup(context, conversation)) return undefined
      const batch = context.records.begin()
      const claimed = outcome.value.devices
      const established = await establish(context, outbox, batch, { conversation, claimed })
      batch.commit()
      return established
    })
    return result?.outcome === 'no-device' ? 'absent' : 'opened'
  }
  /** Once, and only to somebody who has written to them, which may be after they were looked for. */
  const tellAbsent = (conversation: bigint, peer: string) => {
    const isWaiting = waitingTexts(context).some(id => id.conversation === conversation)
    if (!isWaiting || told.has(conversation)) return
    told.add(conversation)
    emit({
      type: 'notice',
      level: 'info',
      text: `${peer} is not on this server yet: what you write waits here until they are`,
    })
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

  /** Key packages for those who are to be added to rooms; one at a time, each intent once a line. */
  const claimForIntents = async () => {
    for (const wanted of wantedKeyPackages(context)) {
      const name = `${wanted.group.number} ${wanted.id}`
      if (claiming.has(name)) continue
      claiming.add(name)
      const answer = await claim(wanted.handle)
      if (!answer) return
      const outcome = answer.claims[0]?.outcome
      await queue.run(async () => {
        const batch = context.records.begin()
        await takeClaim(
          context,
          batch,
          wanted,
          outcome?.case === 'devices' ? outcome.value.devices : undefined,
        )
        batch.commit()
      })
      nudge()
    }
  }

  return {
    async run() {
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

function needsGroup({ groups, contacts, conversations }: Context, conversation: bigint): boolean {
  if (conversations.kind(conversation) !== 'direct') return false
  if (contacts.isBlocked(conversations.peer(conversation))) return false
  return !groups
    .all()
    .some(({ record }) => record.conversation === conversation && record.status !== GroupStatus.ENDED)
}
