// All that decides about a conversation: chain entries, the state in a group's context, what a commit rests on and what a
// newcomer is given, requests and leaves, texts and lines of a history. Changed in their bytes and fields, at times by a
// device that signs what it has changed: each is refused in its way, or does what it did.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ChainEntrySchema,
  CommitBasisSchema,
  GroupStateSchema,
  HistoryLineSchema,
  JoinerSchema,
  LeafListSchema,
  LeaveStatementSchema,
  type SignedChainEntry,
  SignedChainEntrySchema,
  SignedLeaveStatementSchema,
  SignedTextStatementSchema,
  TextStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { BundleHeadSchema } from '../../../gen/parley/v1/chat_pb.js'
import { SignedDeviceListSchema, SignedDeviceRemovalSchema } from '../../../gen/parley/v1/identity_pb.js'
import { RejoinStatementSchema, SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import { readEntry } from '../../../services/protocol/conversation/chain/entry.js'
import { ChainError } from '../../../services/protocol/conversation/chain/error.js'
import { makeLeave, readLeave } from '../../../services/protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../../services/protocol/conversation/chain/state.js'
import { decodeBasis } from '../../../services/protocol/conversation/commit-basis.js'
import { judgeCommit, type SeenCommit } from '../../../services/protocol/conversation/commit-verdict.js'
import { decodeGroupState } from '../../../services/protocol/conversation/group-state.js'
import { decodeJoiner } from '../../../services/protocol/conversation/joiner.js'
import { decodeLeafList, encodeLeafList } from '../../../services/protocol/conversation/leaves.js'
import { ledgerHash } from '../../../services/protocol/conversation/ledger.js'
import {
  makeRejoinStatement,
  readRejoinStatement,
} from '../../../services/protocol/conversation/rejoin-statement.js'
import {
  makeTextStatement,
  readHistoryLine,
  readTextStatement,
} from '../../../services/protocol/conversation/text-statement.js'
import { judgeWelcome } from '../../../services/protocol/conversation/welcome-verdict.js'
import { makeBundleHead, readBundleHead } from '../../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { sign } from '../../../services/protocol/signature.js'
import { GroupStory, keyChange } from '../../support/chain-groups.js'
import { Person } from '../../support/chain-people.js'
import type { Chance } from '../../support/chance.js'
import { changedBytes, changedEncoded } from '../mutation.js'
import { refusing, type Target } from '../target.js'

const NESTED = {
  'SignedChainEntry.entry': ChainEntrySchema,
  'SignedLeaveStatement.statement': LeaveStatementSchema,
  'SignedRejoinStatement.statement': RejoinStatementSchema,
  'SignedTextStatement.statement': TextStatementSchema,
  'CommitBasis.lists': SignedDeviceListSchema,
  'CommitBasis.removals': SignedDeviceRemovalSchema,
  'CommitBasis.rejoins': SignedRejoinStatementSchema,
  'Joiner.lists': SignedDeviceListSchema,
  'Joiner.removals': SignedDeviceRemovalSchema,
}

/** A room of three, a commit in it that has something of everything, and the welcome of that. */
function scene() {
  const people = [1, 2, 3, 4].map(seed => new Person(crypto, seed, 2))
  const [ada, bob, cyd, dan] = people as [Person, Person, Person, Person]
  const story = GroupStory.roomOf(crypto, [ada, bob, cyd])
  const before = story.held
  const { groupId, incarnation, state, epoch } = before
  const request = { groupId, incarnation, head: state.head, lastEpoch: epoch }
  const rejoin = makeRejoinStatement(crypto, request, { device: cyd.first.pair })
  const { added } = memberOf(state, bob.key)!
  const { pair, certificate } = bob.first
  const leave = makeLeave(crypto, { conversationId: state.id, added, device: pair, certificate })
  const seen = story.commit({
    committer: ada.first.key,
    entries: story.entriesBy(ada, keyChange('add', dan), bob.leaving(state)),
    basis: {
      lists: [dan.list.encoded, cyd.relist(cyd.devices)],
      removals: [cyd.removal(cyd.devices[1]!)],
      rejoins: [rejoin],
    },
    removed: [cyd.first.key, bob.first.key],
    added: [cyd.leaf(), dan.leaf()],
  })
  const welcome = story.welcome(ada.first.key)
  const place = { conversationId: state.id, groupId, count: 1n, joinedEpoch: 1n, sentAt: 1 }
  const text = makeTextStatement(crypto, { ...place, text: 'hello' }, { accountKey: bob.key, device: pair })
  const bundle = { epoch, commit: new Uint8Array(60), welcomes: [] }
  const head = makeBundleHead(crypto, {
    ...{ conversationId: groupId, bundle, device: pair },
    epochTag: new Uint8Array(32),
  })
  return { story, before, seen, welcome, rejoin, leave, text, head, ada, bob, dan }
}

type Scene = ReturnType<typeof scene>

/** A commit is refused, or does what it did; its entries may be signed anew by whoever made them. */
function commits({ before, seen, story, ada }: Scene, chance: Chance): void {
  const field = chance.pick(['groupState', 'basis'] as const)!
  const schema = field === 'basis' ? CommitBasisSchema : GroupStateSchema
  const changed = changedEncoded(chance, schema, { encoded: seen[field]!, nested: NESTED })
  const encoded = field === 'groupState' && chance.whole(2) === 0 ? resigned(changed, ada) : changed
  const hostile: SeenCommit = { ...seen, [field]: encoded }
  const verdict = judgeCommit(crypto, before, hostile)
  if (!verdict.isTaken) return
  const same = Buffer.compare(verdict.after.state.head, story.held.state.head) === 0
  // An entry that says something else of no consequence, the clock for example, makes another head.
  const members = (state: Scene['before']['state']) =>
    state.members.map(({ accountKey }) => hex(accountKey)).join()
  if (!same && members(verdict.after.state) !== members(story.held.state))
    throw new Error('a changed commit was taken, and makes other members')
}

/** All entries that can be read are signed by this person again. */
function resigned(groupState: Uint8Array, { first }: Person): Uint8Array {
  try {
    const message = fromBinary(GroupStateSchema, groupState)
    const privateKey = first.pair.privateKey
    for (const each of message.addedEntries)
      each.signature = sign(crypto, { label: 'parley.content.v1.ChainEntry', bytes: each.entry, privateKey })
    return toBinary(GroupStateSchema, message)
  } catch {
    return groupState
  }
}

/** A welcome is refused, or shows what it showed. */
function welcomes({ welcome, story, dan }: Scene, chance: Chance): void {
  const field = chance.pick(['groupState', 'joiner'] as const)!
  const schema = field === 'joiner' ? JoinerSchema : GroupStateSchema
  const encoded = changedEncoded(chance, schema, { encoded: welcome[field]!, nested: NESTED })
  const verdict = judgeWelcome(
    crypto,
    { ...welcome, [field]: encoded },
    { deviceKey: dan.first.key, known: [] },
  )
  if (!verdict.isTaken) return
  const { ledger, state } = verdict.held
  const sameLedger = Buffer.compare(ledgerHash(crypto, ledger), ledgerHash(crypto, story.held.ledger)) === 0
  if (!sameLedger || Buffer.compare(state.head, story.held.state.head) !== 0)
    throw new Error('a changed welcome was taken, and shows something else')
}

/** The parsers alone, which see what no signature protects. */
function parsers({
  seen,
  welcome,
  story,
  leave,
  rejoin,
  text,
  head,
  bob,
}: Scene): ((chance: Chance) => void)[] {
  const [entry] = story.entries as [SignedChainEntry]
  const encodedEntry = toBinary(SignedChainEntrySchema, entry)
  const encodedLeave = toBinary(SignedLeaveStatementSchema, leave)
  const encodedText = toBinary(SignedTextStatementSchema, text)
  const writtenBy = { accountKey: bob.key, deviceKey: bob.first.key, conversationId: story.held.state.id }
  const line = create(HistoryLineSchema, { text, certificate: bob.first.certificate, sequence: 5n })
  const encodedLine = toBinary(HistoryLineSchema, line)
  const leafList = encodeLeafList(bob.leaf().list)
  return [
    chance => {
      const signed = changed(chance, SignedChainEntrySchema, encodedEntry)
      if (signed) refusing([ChainError], () => readEntry(crypto, signed))
    },
    chance => {
      const signed = changed(chance, SignedLeaveStatementSchema, encodedLeave)
      if (signed) refusing([ChainError], () => readLeave(crypto, signed))
    },
    chance => {
      const signed = changed(chance, SignedTextStatementSchema, encodedText)
      const read = signed && readTextStatement(crypto, writtenBy, signed)
      if (read && read.text !== 'hello') throw new Error('a text that nobody signed')
    },
    chance => {
      const handed = changed(chance, HistoryLineSchema, encodedLine)
      const read = handed && readHistoryLine(crypto, story.held.state.id, handed)
      if (read && read.text !== 'hello') throw new Error('a line that nobody signed')
    },
    chance => {
      const bytes = changedEncoded(chance, SignedRejoinStatementSchema, { encoded: rejoin, nested: NESTED })
      const read = readRejoinStatement(crypto, bytes)
      if (read && read.lastEpoch !== readRejoinStatement(crypto, rejoin)!.lastEpoch)
        throw new Error('a request that nobody signed')
    },
    chance => void decodeBasis(changedEncoded(chance, CommitBasisSchema, { encoded: seen.basis })),
    chance => void decodeGroupState(changedEncoded(chance, GroupStateSchema, { encoded: seen.groupState! })),
    chance => void decodeJoiner(changedEncoded(chance, JoinerSchema, { encoded: welcome.joiner! })),
    chance => void decodeLeafList(changedEncoded(chance, LeafListSchema, { encoded: leafList })),
    chance => {
      const bytes = changedEncoded(chance, BundleHeadSchema, { encoded: head.head })
      const read = readBundleHead(crypto, { head: bytes, headSignature: head.headSignature })
      if (read && Buffer.compare(bytes, head.head) !== 0) throw new Error('a head that nobody signed')
      readBundleHead(crypto, { ...head, headSignature: changedBytes(chance, head.headSignature) })
    },
  ]
}

export const conversation: Target = {
  name: 'conversation',
  share: 20,
  async open() {
    const made = scene()
    const parses = parsers(made)
    return {
      run(chance) {
        const how = chance.whole(8)
        if (how === 0) commits(made, chance)
        else if (how === 1) welcomes(made, chance)
        else chance.pick(parses)!(chance)
      },
      check() {
        const again = judgeCommit(crypto, made.before, made.seen)
        if (!again.isTaken) throw new Error('the commit that was right is refused')
      },
    }
  },
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** undefined for bytes that protobuf does not take. */
function changed<D extends Parameters<typeof changedEncoded>[1]>(
  chance: Chance,
  schema: D,
  encoded: Uint8Array,
) {
  try {
    return fromBinary(schema, changedEncoded(chance, schema, { encoded, nested: NESTED }))
  } catch {
    return undefined
  }
}
