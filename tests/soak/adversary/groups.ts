// The MLS groups of a modified program: it follows the commits that an honest one follows, ends nothing, and keeps old
// states and all that it hears.

import { fromBinary } from '@bufbuild/protobuf'
import { type SignedTextStatement, TextStatementSchema } from '../../../gen/parley/content/v1/chain_pb.js'
import {
  type Content,
  ContentSchema,
  type HistoryMessage,
} from '../../../gen/parley/content/v1/content_pb.js'
import type { DeliveredCommit, DeliveredWelcome } from '../../../gen/parley/v1/chat_pb.js'
import {
  atState,
  type Held,
  heldOf,
  leafOf,
  newLeafOf,
} from '../../../services/endpoint/groups/state/held.js'
import type {
  Engine,
  GroupState,
  JudgedChange,
  KeyPackagePair,
  Member,
} from '../../../services/endpoint/mls/engine.js'
import { toHex } from '../../../services/protocol/bytes.js'
import { unpad } from '../../../services/protocol/content/padding.js'
import { judgeCommit } from '../../../services/protocol/conversation/commit-verdict.js'
import { heldOf as heldAccount } from '../../../services/protocol/conversation/ledger.js'
import { parseVerifiedCertificate } from '../../../services/protocol/identity/certificate.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { Heard } from './heard.js'

/** States that it keeps of one group: each opens messages of the epochs before it, too. */
const KEPT_STATES = 6

export interface Group {
  conversationId: Uint8Array
  /** The newest first. */
  states: GroupState[]
  /** Its chain and its lists, as an honest member has them: after a commit of its own, as it says that they are. */
  held: Held
  joinedEpoch: bigint
  /** Contents that it has sealed since. */
  count: bigint
  /** Somebody has taken it out. */
  isOut: boolean
}

export class Groups {
  readonly heard = new Heard()
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

  /** Those in which the conversations go on by now, as far as it is in them. */
  present(): Group[] {
    const newest = new Map<string, Group>()
    for (const group of this.all()) {
      const { state, incarnation } = group.held
      const known = newest.get(toHex(state.id))
      if (!known || known.held.incarnation <= incarnation) newest.set(toHex(state.id), group)
    }
    return [...newest.values()].filter(({ isOut }) => !isOut)
  }

  /** Takes any welcome that opens. */
  async join(conversationId: Uint8Array, { welcome }: DeliveredWelcome): Promise<void> {
    try {
      const { state, joiner = new Uint8Array() } = await this.engine.unsafeJoinHere(welcome, this.#pairs)
      this.add(conversationId, { state, held: heldOf(this.engine, state, joiner) })
    } catch {
      // Another adversary's.
    }
  }

  /** It is in this one now, from its present epoch on. */
  add(conversationId: Uint8Array, { state, held }: { state: GroupState; held: Held }): Group {
    const { states = [] } = this.#groups.get(toHex(conversationId)) ?? {}
    const joinedEpoch = this.engine.epoch(state)
    const group = { conversationId, states, held, joinedEpoch, count: 0n, isOut: false }
    this.#groups.set(toHex(conversationId), group)
    this.enter(group, { state, held })
    return group
  }

  /** Goes on to the next epoch. */
  enter(group: Group, { state, held }: { state: GroupState; held: Held }): void {
    group.states.unshift(state)
    group.states.splice(KEPT_STATES)
    group.held = atState(this.engine, held, state)
  }

  async follow(conversationId: Uint8Array, { commit }: DeliveredCommit): Promise<void> {
    const group = this.#groups.get(toHex(conversationId))
    const [state] = group?.states ?? []
    if (!group || !state) return
    this.heard.commits.add({ groupId: conversationId, commit })
    let held = group.held
    const opened = await this.engine.open(state, commit, change => {
      const after = heldAfter(group.held, change)
      held = after ?? held
      return after !== undefined
    })
    if (opened.kind === 'commit') this.enter(group, { state: opened.state, held })
    if (opened.kind === 'removed') group.isOut = true
  }

  /** The words in a message, whichever state opens it. */
  async read(conversationId: Uint8Array, ciphertext: Uint8Array): Promise<string[]> {
    const group = this.#groups.get(toHex(conversationId))
    for (const [at, state] of group?.states.entries() ?? []) {
      const opened = await this.engine.open(state, ciphertext, () => false)
      if (opened.kind !== 'application') continue
      group!.states[at] = opened.state
      const content = contentIn(opened.plaintext)
      if (!content) return []
      this.heard.note(content, { conversationId: group!.held.state.id, certificate: opened.sender.identity })
      return wordsIn(content)
    }
    return []
  }

  /** By the handles that their lists have. */
  members({ states, held: { ledger } }: Group): (Member & { handle: string })[] {
    return this.engine.members(states[0]!).map(member => {
      const { accountKey } = parseVerifiedCertificate(member.identity)
      const [newest] = heldAccount(ledger, accountKey)?.devices.lists ?? []
      return { ...member, handle: newest?.list.handle ?? '' }
    })
  }
}

/** undefined: no honest member takes it. */
function heldAfter(before: Held, change: JudgedChange): Held | undefined {
  const { committer, leafData, settings, authenticatedData, added, removed } = change
  try {
    const verdict = judgeCommit(nodeCrypto, before, {
      committer: committer.signatureKey,
      path: leafOf({ ...committer, ...(leafData && { leafData }) }),
      groupState: settings,
      basis: authenticatedData,
      added: added.map(newLeafOf),
      removed: removed.map(({ signatureKey }) => signatureKey),
    })
    return verdict.isTaken
      ? { ...verdict.after, entries: [...before.entries, ...verdict.entries] }
      : undefined
  } catch {
    // A newcomer's certificate is none.
    return undefined
  }
}

function contentIn(padded: Uint8Array): Content | undefined {
  try {
    return fromBinary(ContentSchema, unpad(padded)!)
  } catch {
    return undefined
  }
}

/** All texts of a content, those of a history that it hands over among them. */
function wordsIn({ body }: Content): string[] {
  if (body.case === 'text') return wordsOf(body.value.signed)
  return body.case === 'historyPart' ? body.value.messages.flatMap(told) : []
}

function told({ body }: HistoryMessage): string[] {
  if (body.case === 'hearsay') return [body.value.text]
  return body.case === 'text' ? wordsOf(body.value.text) : []
}

function wordsOf(signed: SignedTextStatement | undefined): string[] {
  try {
    return signed ? [fromBinary(TextStatementSchema, signed.statement).text] : []
  } catch {
    return []
  }
}
