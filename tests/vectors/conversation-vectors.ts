// The vectors of conversations: their ids, a chain with each kind of entry, what a group holds, and the statements that
// devices sign there. Keys in them are of nobody.

import { toBinary } from '@bufbuild/protobuf'
import {
  ConversationKind,
  HistoryLineSchema,
  SignedChainEntrySchema,
  SignedTextStatementSchema,
} from '../../gen/parley/content/v1/chain_pb.js'
import { toHex } from '../../services/protocol/bytes.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { fixedConversationId } from '../../services/protocol/conversation/chain/conversation-id.js'
import { readEntry } from '../../services/protocol/conversation/chain/entry.js'
import type { ConversationState } from '../../services/protocol/conversation/chain/state.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import { encodeJoiner } from '../../services/protocol/conversation/joiner.js'
import { ledgerHash } from '../../services/protocol/conversation/ledger.js'
import { makeRejoinStatement } from '../../services/protocol/conversation/rejoin-statement.js'
import { makeTextStatement } from '../../services/protocol/conversation/text-statement.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { GroupStory } from '../support/chain-groups.js'
import { ChainWriter, GROUP_ID, Person } from '../support/chain-people.js'

const [ada, bob, cyd] = [1, 2, 3].map(seed => new Person(crypto, seed, 2)) as [Person, Person, Person]
const NOW = 1_800_000_000_000
const NONCE = new Uint8Array(16).fill(3)

/** One entry of each kind, by whom, in an order that the rules allow. */
const WRITTEN: readonly [by: Person, change: (state: ConversationState) => Change][] = [
  [ada, () => ({ kind: 'add', accountKey: bob.key })],
  [ada, () => ({ kind: 'add', accountKey: cyd.key })],
  [ada, () => ({ kind: 'make-admin', accountKey: cyd.key })],
  [cyd, () => ({ kind: 'settings', settings: { name: 'ops', topic: 'é', historyDays: 7 } })],
  [cyd, () => ({ kind: 'unmake-admin', accountKey: ada.key })],
  [cyd, () => ({ kind: 'remove', accountKey: ada.key })],
  [cyd, () => ({ kind: 'add', accountKey: ada.key })],
  [ada, state => cyd.leaving(state)],
]

function chain(): ChainWriter {
  const writer = new ChainWriter(crypto)
  writer.create(ada)
  for (const [by, change] of WRITTEN) {
    writer.epoch++
    writer.write(by, change(writer.state!))
  }
  return writer
}

const shown = ({ members, settings }: ConversationState) => ({
  members: members.map(({ accountKey, added, isAdmin }) => ({
    account_key: toHex(accountKey),
    added,
    is_admin: isAdmin,
  })),
  name: settings?.name,
  topic: settings?.topic,
  history_days: settings?.historyDays,
})

/** A room of three with a removed leaf, a removal, and two lists of one number. */
function room(): GroupStory {
  const story = GroupStory.roomOf(crypto, [ada, bob, cyd])
  const committer = ada.first.key
  story.commit({ committer, added: [bob.leaf(bob.devices[1])] })
  const removals = [bob.removal(bob.devices[1]!)]
  story.commit({ committer, basis: { removals }, removed: [bob.devices[1]!.key] })
  const { encoded } = cyd.listOf(cyd.devices, { number: 1, issuedAt: NOW + 1 })
  story.commit({ committer, basis: { lists: [encoded] } })
  return story
}

/** By the name of their file. Bytes are in hex. */
export const CONVERSATION_VECTORS: Readonly<Record<string, () => unknown>> = {
  'conversation-id': () => {
    const { DIRECT, OWN_DEVICES } = ConversationKind
    return [
      { kind: DIRECT, accounts: [ada, bob] } as const,
      { kind: DIRECT, accounts: [bob, ada] } as const,
      { kind: OWN_DEVICES, accounts: [cyd] } as const,
    ].map(({ kind, accounts }) => ({
      kind,
      account_keys: accounts.map(({ key }) => toHex(key)),
      conversation_id: toHex(
        fixedConversationId(
          crypto,
          kind,
          accounts.map(({ key }) => key),
        ),
      ),
    }))
  },
  chain: () => {
    const { entries, state } = chain()
    const writer = new ChainWriter(crypto)
    return {
      conversation_id: toHex(state!.id),
      group_id: toHex(GROUP_ID),
      entries: entries.map(signed => {
        const entry = readEntry(crypto, signed)
        const author = [ada, bob, cyd].find(({ key }) => toHex(key) === toHex(entry.author.accountKey))!
        writer.epoch = entry.epoch
        const after = writer.write(author, entry.change)
        return {
          signed_chain_entry: toHex(toBinary(SignedChainEntrySchema, signed)),
          hash: toHex(entry.hash),
          after: shown(after),
        }
      }),
    }
  },
  ledger: () => {
    const { held, entries } = room()
    return {
      group_state: toHex(encodeGroupState(crypto, held, [])),
      joiner: toHex(encodeJoiner(held.ledger, entries)),
      ledger: toHex(ledgerHash(crypto, held.ledger)),
    }
  },
  'rejoin-statement': () => {
    const { state } = chain()
    const request = { groupId: GROUP_ID, incarnation: 1, head: state!.head, lastEpoch: 9n }
    return {
      device_seed: toHex(bob.first.pair.privateKey),
      head: toHex(state!.head),
      ...{ group_id: toHex(GROUP_ID), incarnation: 1, last_epoch: 9, nonce: toHex(NONCE) },
      signed_rejoin_statement: toHex(
        makeRejoinStatement(crypto, request, { device: bob.first.pair, nonce: NONCE }),
      ),
    }
  },
  'text-statement': () => {
    const { state } = chain()
    const written = { conversationId: state!.id, groupId: GROUP_ID, count: 7n, joinedEpoch: 2n }
    const statement = { ...written, sentAt: NOW, text: 'Is this yours? é' }
    const text = makeTextStatement(crypto, statement, { accountKey: bob.key, device: bob.first.pair })
    const { certificate } = bob.first
    return {
      device_seed: toHex(bob.first.pair.privateKey),
      account_key: toHex(bob.key),
      ...{ conversation_id: toHex(state!.id), group_id: toHex(GROUP_ID), count: 7, joined_epoch: 2 },
      ...{ sent_at_ms: NOW, text: statement.text },
      signed_text_statement: toHex(toBinary(SignedTextStatementSchema, text)),
      history_line: toHex(
        toBinary(HistoryLineSchema, {
          $typeName: 'parley.content.v1.HistoryLine',
          text,
          certificate,
          sequence: 12n,
        }),
      ),
    }
  },
}
