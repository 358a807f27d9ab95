// Groups of people on a chain, and the commits that honest and modified programs make in them.

import { ConversationKind, type SignedChainEntry } from '../../gen/parley/content/v1/chain_pb.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import type { FixedKind } from '../../services/protocol/conversation/chain/conversation-id.js'
import { makeEntry, readEntry } from '../../services/protocol/conversation/chain/entry.js'
import { ChainError } from '../../services/protocol/conversation/chain/error.js'
import { fixedState, stateAfter } from '../../services/protocol/conversation/chain/state.js'
import { encodeBasis } from '../../services/protocol/conversation/commit-basis.js'
import {
  type CommitPlan,
  type CommitVerdict,
  judgeCommit,
  type PlannedCommit,
  planCommit,
  type SeenCommit,
} from '../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import { foundGroup, type HeldGroup } from '../../services/protocol/conversation/held-group.js'
import { encodeJoiner } from '../../services/protocol/conversation/joiner.js'
import type { OpenedWelcome } from '../../services/protocol/conversation/welcomed-group.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import type { DeviceKey } from '../../services/protocol/keys.js'
import { ChainWriter, type Device, GROUP_ID, type Person } from './chain-people.js'

export const keyChange = (
  kind: 'add' | 'remove' | 'make-admin' | 'unmake-admin',
  { key }: Person,
): Change => ({
  kind,
  accountKey: key,
})

/** Entries of one device for the next commit of a group, whatever the rules say. */
export function entriesFor(
  crypto: CryptoProvider,
  held: Pick<HeldGroup, 'state' | 'groupId' | 'epoch'>,
  { by, device = by.first, changes }: { by: Person; device?: Device; changes: readonly Change[] },
): SignedChainEntry[] {
  let before = held.state
  return changes.map(change => {
    const place = {
      before: before.number > 0 ? before : undefined,
      groupId: held.groupId,
      epoch: held.epoch,
    }
    const made = makeEntry(crypto, place, { device: device.pair, certificate: device.certificate, change })
    const entry = readEntry(crypto, made)
    try {
      before = stateAfter(before, entry)
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
      before = { ...before, number: entry.number, head: entry.hash }
    }
    return made
  })
}

/** How the members see a commit. */
export function seenOf(planned: PlannedCommit, plan: CommitPlan): SeenCommit {
  const { committer, path, added = [], removed = [] } = plan
  return { committer, path, groupState: planned.groupState, basis: planned.basis, added, removed }
}

/**
 * The commit of a modified program, which looks at no rule. Its GroupState is `as` of the group, unless one is given;
 * the rules that it breaks are asked before that is.
 */
export function forged(
  crypto: CryptoProvider,
  held: HeldGroup,
  plan: CommitPlan & { groupState?: Uint8Array | undefined; as?: HeldGroup },
): SeenCommit {
  const { committer, path, entries = [], basis, added = [], removed = [], as = held } = plan
  const groupState = 'groupState' in plan ? plan.groupState : encodeGroupState(crypto, as, entries)
  const data = encodeBasis({ lists: [], removals: [], rejoins: [], ...basis })
  return { committer, path, groupState, basis: data, added, removed }
}

/** A group as one honest member sees it, from its founding on. */
export class GroupStory {
  /** The chain as it travels. */
  readonly entries: SignedChainEntry[]

  constructor(
    readonly crypto: CryptoProvider,
    public held: HeldGroup,
    entries: readonly SignedChainEntry[],
  ) {
    this.entries = [...entries]
  }

  static room(crypto: CryptoProvider, founder: Person): GroupStory {
    const chain = new ChainWriter(crypto)
    const state = chain.create(founder)
    const accounts = [founder.held()]
    const founding = { groupId: GROUP_ID, incarnation: 1, state, founder: founder.leaf(), accounts }
    return new GroupStory(crypto, foundGroup(founding), chain.entries)
  }

  static fixed(crypto: CryptoProvider, kind: FixedKind, people: readonly Person[]): GroupStory {
    const [founder] = people
    const keys = people.map(({ key }) => key)
    const state = fixedState(crypto, kind, keys)
    const accounts = [founder!.held()]
    const founding = { groupId: GROUP_ID, incarnation: 1, state, founder: founder!.leaf(), accounts }
    return new GroupStory(crypto, foundGroup(founding), [])
  }

  /** A room of all of them, with the first device of each; the first one is the admin. */
  static roomOf(crypto: CryptoProvider, [founder, ...others]: readonly Person[]): GroupStory {
    const story = GroupStory.room(crypto, founder!)
    story.invite(founder!, others)
    return story
  }

  static direct(crypto: CryptoProvider, one: Person, other: Person): GroupStory {
    const story = GroupStory.fixed(crypto, ConversationKind.DIRECT, [one, other])
    story.commit({ committer: one.first.key, basis: { lists: [other.list.encoded] }, added: [other.leaf()] })
    return story
  }

  /** The commit of an honest program, which all take. */
  commit(plan: CommitPlan): SeenCommit {
    const planned = planCommit(this.crypto, this.held, plan)
    const seen = seenOf(planned, plan)
    const verdict = this.judge(seen)
    if (!verdict.isTaken) throw new Error(`refused: ${verdict.why.code}`)
    this.take(verdict)
    return seen
  }

  take({ after, entries }: Extract<CommitVerdict, { isTaken: true }>): void {
    this.held = after
    this.entries.push(...entries.map(({ signed }) => signed))
  }

  judge(seen: SeenCommit): CommitVerdict {
    return judgeCommit(this.crypto, this.held, seen)
  }

  /** The verdict on the commit of a modified program: its reason, or 'taken'. */
  attempt(plan: Parameters<typeof forged>[2]): string {
    const verdict = this.judge(forged(this.crypto, this.held, plan))
    return verdict.isTaken ? 'taken' : reasonOf(verdict.why)
  }

  entriesBy(by: Person, ...changes: readonly Change[]): SignedChainEntry[] {
    return entriesFor(this.crypto, this.held, { by, changes })
  }

  invite(by: Person, people: readonly Person[]): SeenCommit {
    return this.commit({
      committer: by.first.key,
      entries: this.entriesBy(by, ...people.map(person => keyChange('add', person))),
      basis: { lists: people.map(({ list }) => list.encoded) },
      added: people.map(person => person.leaf()),
    })
  }

  remove(by: Person, person: Person): SeenCommit {
    return this.commit({
      committer: by.first.key,
      entries: this.entriesBy(by, keyChange('remove', person)),
      removed: this.devicesOf(person),
    })
  }

  /** A commit that renews the committer's keys and changes nothing. */
  update(by: Person): SeenCommit {
    return this.commit({ committer: by.first.key, path: by.leaf() })
  }

  devicesOf({ key }: Person): DeviceKey[] {
    const name = Buffer.from(key).toString('hex')
    return this.held.leaves
      .filter(({ accountKey }) => Buffer.from(accountKey).toString('hex') === name)
      .map(({ deviceKey }) => deviceKey)
  }

  /** The welcome of the last commit, signed by this device. */
  welcome(signer: DeviceKey): OpenedWelcome {
    return {
      groupId: this.held.groupId,
      epoch: this.held.epoch,
      groupState: encodeGroupState(this.crypto, this.held, []),
      joiner: encodeJoiner(this.held.ledger, this.entries),
      leaves: this.held.leaves,
      signer,
    }
  }
}

/** The reason of a refusal in one word or two. */
export function reasonOf(why: { code: string; reason?: string; why?: string }): string {
  return [why.code, why.reason ?? why.why].filter(Boolean).join(' ')
}
