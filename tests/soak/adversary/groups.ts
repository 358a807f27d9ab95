// The MLS groups of a modified program: it follows what it can open, asks no rule, ends nothing and keeps old states.

import { fromBinary } from '@bufbuild/protobuf'
import { ContentSchema } from '../../../gen/parley/content/v1/content_pb.js'
import type { DeliveredWelcome } from '../../../gen/parley/v1/chat_pb.js'
import type { Engine, GroupState, KeyPackagePair, Member } from '../../../services/endpoint/mls/engine.js'
import { unpad } from '../../../services/protocol/content/padding.js'
import { readCertificate } from '../../../services/protocol/identity/certificate.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'

/** States that it keeps of one group: each opens messages of the epochs before it, too. */
const KEPT_STATES = 6

export interface Group {
  conversationId: Uint8Array
  /** The newest first. */
  states: GroupState[]
  joinedEpoch: bigint
  /** Contents that it has sealed since. */
  count: bigint
}

const keyOf = (conversationId: Uint8Array) => Buffer.from(conversationId).toString('hex')

export class Groups {
  readonly #groups = new Map<string, Group>()
  /** All that it ever made. */
  readonly #pairs: KeyPackagePair[] = []

  constructor(private readonly engine: Engine) {}

  keep(pairs: readonly KeyPackagePair[]): void {
    this.#pairs.unshift(...pairs)
  }

  all(): Group[] {
    return [...this.#groups.values()]
  }

  /** Takes any welcome that opens. */
  async join(conversationId: Uint8Array, { welcome }: DeliveredWelcome): Promise<void> {
    try {
      const { state } = await this.engine.unsafeJoinHere(welcome, this.#pairs)
      const { states = [] } = this.#groups.get(keyOf(conversationId)) ?? {}
      const joinedEpoch = this.engine.epoch(state)
      this.#groups.set(keyOf(conversationId), { conversationId, states, joinedEpoch, count: 0n })
      this.enter(conversationId, state)
    } catch {
      // Another adversary's.
    }
  }

  /** Goes on to the next epoch. */
  enter(conversationId: Uint8Array, state: GroupState): void {
    const group = this.#groups.get(keyOf(conversationId))
    group?.states.unshift(state)
    group?.states.splice(KEPT_STATES)
  }

  async follow(conversationId: Uint8Array, commit: Uint8Array): Promise<void> {
    const [state] = this.#groups.get(keyOf(conversationId))?.states ?? []
    const opened = state && (await this.engine.open(state, commit, () => true))
    if (opened?.kind === 'commit') this.enter(conversationId, opened.state)
  }

  /** The words in a message, whichever state opens it. */
  async read(conversationId: Uint8Array, ciphertext: Uint8Array): Promise<string[]> {
    const states = this.#groups.get(keyOf(conversationId))?.states ?? []
    for (const [at, state] of states.entries()) {
      const opened = await this.engine.open(state, ciphertext, () => false)
      if (opened.kind !== 'application') continue
      states[at] = opened.state
      return wordsIn(opened.plaintext)
    }
    return []
  }

  members({ states }: Group): (Member & { handle: string })[] {
    return this.engine
      .members(states[0]!)
      .map(member => ({ ...member, handle: readCertificate(nodeCrypto, member.identity).handle }))
  }
}

/** All texts of a content, those of a history that it hands over among them. */
function wordsIn(padded: Uint8Array): string[] {
  try {
    const { body } = fromBinary(ContentSchema, unpad(padded)!)
    if (body.case === 'text') return [body.value.text]
    if (body.case !== 'historyPart') return []
    return body.value.messages.flatMap(message => (message.body.case === 'text' ? [message.body.value] : []))
  } catch {
    return []
  }
}
