// A mix-up of two kinds of ids does not compile: tsc demands an error on the line below each "@ts-expect-error".

import { describe, expect, test } from '@jest/globals'
import {
  type ClientSequence,
  type ConversationNumber,
  type Count,
  clientSequenceOf,
  conversationNumber,
  countOf,
  type GroupNumber,
  groupNumber,
  isKey,
  type MessageNumber,
  messageNumber,
  NO_KEY,
  type Sequence,
  sequenceOf,
} from '../../../services/endpoint/ids.js'
import { at, nextId, Records, recordOf, type Transaction } from '../../../services/endpoint/vault/records.js'
import { accountKey, deviceKey, keyText } from '../../../services/protocol/keys.js'
import { MemoryDisk } from '../../support/memory/vault.js'

interface Numbers {
  conversation: ConversationNumber
  group: GroupNumber
  message: MessageNumber
  sequence: Sequence
  count: Count
  clientSequence: ClientSequence
}
const NUMBERS: Numbers = {
  conversation: conversationNumber(1n),
  group: groupNumber(1n),
  message: messageNumber(1n),
  sequence: sequenceOf(1n),
  count: countOf(1n),
  clientSequence: clientSequenceOf(1n),
}

describe('a number', () => {
  test('is of one kind', () => {
    const { conversation, group, message, sequence, count } = NUMBERS
    const mixedUp: Partial<Numbers>[] = [
      // @ts-expect-error a group is no conversation
      { conversation: group },
      // @ts-expect-error a conversation is no group
      { group: conversation },
      // @ts-expect-error a sequence is no count
      { count: sequence },
      // @ts-expect-error a count is no sequence
      { sequence: count },
      // @ts-expect-error a count is no message
      { message: count },
      // @ts-expect-error a sequence is of the server's order, a client sequence of this device's sends
      { clientSequence: sequence },
      // @ts-expect-error a number that nobody vouches for is none of them
      { message: 1n },
      // @ts-expect-error what is reckoned from one is a plain number
      { message: message + 1n },
    ]
    expect(mixedUp).toHaveLength(8)
  })

  test('is at run time what it was made of', () => {
    expect(Object.values(NUMBERS)).toEqual([1n, 1n, 1n, 1n, 1n, 1n])
  })
})

describe('a key of the vault', () => {
  const { conversation, group, message, sequence, count, clientSequence } = NUMBERS
  const inUnit = <T>(work: (tx: Transaction) => T) =>
    new Records(new MemoryDisk().open(), () => undefined).transaction(work)

  test('is of one table', async () => {
    const found = await inUnit(tx => [
      // @ts-expect-error conversations go by their own number
      tx.get('conversations', at(group)),
      // @ts-expect-error groups go by their own number
      tx.get('groups', at(conversation)),
      // @ts-expect-error states go by their group
      tx.bytes('states', at(conversation)),
      // @ts-expect-error messages are grouped by conversation
      tx.get('messages', { group, id: message }),
      // @ts-expect-error messages are grouped
      tx.get('messages', at(message)),
      // @ts-expect-error a sequence is no message's number
      tx.get('messages', { group: conversation, id: sequence }),
      // @ts-expect-error sent texts go by their count
      tx.get('sent', { group, id: message }),
      // @ts-expect-error sends go by their client sequence
      tx.get('outbox', at(sequence)),
      // @ts-expect-error senders go by a keyed hash
      tx.get('senders', { group, id: count }),
      // @ts-expect-error lists go by the hash of a handle, not of a device
      tx.get('lists', at(tx.numberOf('device', new Uint8Array()))),
      // @ts-expect-error a table that is not grouped has no groups
      tx.get('outbox', { group, id: clientSequence }),
      // @ts-expect-error there is one row of it
      tx.get('server', at(1n)),
    ])
    expect(found).toEqual(found.map(() => undefined))
  })

  test('is of one table also where rows go together', async () => {
    const keys = await inUnit(tx => {
      // @ts-expect-error welcomes are grouped by the sequence of their envelope
      tx.deleteGroup('welcomes', group)
      // @ts-expect-error ratchets are grouped by group
      tx.deleteGroup('ratchets', sequence)
      return [
        // @ts-expect-error intents are grouped by group
        ...tx.keys('intents', { group: conversation }),
        // @ts-expect-error a part of a conversation begins behind a message
        ...tx.keys('messages', { group: conversation, after: sequence }),
      ]
    })
    expect(keys).toEqual([])
  })

  test('comes with its kind from where it is given', async () => {
    const [first, second]: [GroupNumber, MessageNumber] = await inUnit(tx => [
      nextId(tx, 'groups'),
      nextId(tx, 'messages', conversation),
    ])
    expect([first, second]).toEqual([1n, 1n])
    await inUnit(tx => {
      // @ts-expect-error a number of a group is none of a contact
      tx.put('contacts', at(nextId(tx, 'groups')), {})
      // @ts-expect-error the messages of which conversation
      nextId(tx, 'messages')
      // @ts-expect-error the groups are not grouped
      nextId(tx, 'groups', group)
    })
  })
})

test('a link leads to numbers of one kind', async () => {
  const records = new Records(new MemoryDisk().open(), () => undefined)
  await records.transaction(tx => {
    tx.link('carriers', NUMBERS.conversation, NUMBERS.group)
    // @ts-expect-error a conversation is carried by groups
    tx.unlink('carriers', NUMBERS.conversation, NUMBERS.conversation)
    // @ts-expect-error carriers are looked up by conversation
    tx.unlink('carriers', NUMBERS.group, groupNumber(2n))
    // @ts-expect-error a handle leads to a conversation
    tx.link('direct', 'bob', NUMBERS.group)
  })
  // @ts-expect-error groups carry a conversation
  const carriers: ConversationNumber[] = records.linked('carriers', NUMBERS.conversation)
  expect(carriers).toEqual([])
})

describe('a key in a record', () => {
  const [account, device] = [accountKey(new Uint8Array(32)), deviceKey(new Uint8Array(32))]

  test('is of one kind', () => {
    const records = [
      // @ts-expect-error an account is no device
      recordOf('senders', { deviceId: account }),
      // @ts-expect-error devices leave a group one by one
      recordOf('groups', { leavingDeviceIds: [account] }),
      // @ts-expect-error a person is pinned by the key of their account
      recordOf('contacts', { accountKey: device }),
      // @ts-expect-error nobody has looked at these bytes
      recordOf('devices', { deviceId: new Uint8Array(32) }),
    ]
    expect(records).toHaveLength(4)
  })

  test('may be none, which is none until that is asked', () => {
    const { accountKey: pinned } = recordOf('contacts', { accountKey: account })
    // @ts-expect-error it may be empty
    expect(keyText(pinned)).toHaveLength(64)
    expect(isKey(pinned) && keyText(pinned)).toHaveLength(64)
    expect([isKey(NO_KEY), isKey(recordOf('contacts', { accountKey: NO_KEY }).accountKey)]).toEqual([
      false,
      false,
    ])
  })
})
