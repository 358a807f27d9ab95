import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { ChatService } from '../../../gen/parley/v1/chat_pb.js'
import {
  GONE_AFTER_MS,
  IGNORED_AFTER_MS,
  PRESENCE_DEVICES,
  PRESENCE_INTERVAL_MS,
} from '../../../services/protocol/content/presence.js'
import {
  MAX_CHAIN_BYTES,
  MAX_ENTRIES,
  MAX_ENTRY_BYTES,
  MAX_ROOM_MEMBERS,
  RESERVED_BYTES,
  RESERVED_ENTRIES,
} from '../../../services/protocol/conversation/chain/limits.js'
import {
  MAX_ACCOUNT_BYTES,
  MAX_BASIS_BYTES,
  MAX_BASIS_LISTS,
  MAX_BASIS_REJOINS,
  MAX_BASIS_REMOVALS,
  MAX_GROUP_STATE_BYTES,
  MAX_HELD_LIST_BYTES,
  MAX_HELD_REMOVAL_BYTES,
  MAX_JOINER_BYTES,
  REJOIN_EPOCHS,
} from '../../../services/protocol/conversation/limits.js'
import { MAX_PAIRS } from '../../../services/protocol/identity/devices-in-use.js'
import { METHODS } from '../../../services/protocol/method.js'
import {
  COMMIT_BUNDLE_BYTES,
  CONVERSATION_ID_BYTES,
  KEY_BYTES,
  MESSAGE_BYTES,
  NONCE_BYTES,
  SIGNATURE_BYTES,
  TEXT_BYTES,
} from '../../../services/protocol/sizes.js'
import {
  DAY_MS,
  HOUR_MS,
  KEY_PACKAGE_KEPT_MS,
  KEY_PACKAGE_LIFETIME_MS,
  MINUTE_MS,
  SECOND_MS,
} from '../../../services/protocol/time.js'
import { methodPath } from '../../../services/rpc/service.js'

/** The contract's text, on one line and without the marks of comments. */
const contract = [
  'v1/chat',
  'v1/identity',
  'v1/key_exchange',
  'content/v1/content',
  'content/v1/chain',
  'v1/rejoin',
]
  .map(name => readFileSync(new URL(`../../../../proto/parley/${name}.proto`, import.meta.url), 'utf8'))
  .join('\n')
  .replaceAll(/\n\s*\/\/ ?/g, ' ')

describe('what both ends agree on', () => {
  test('the methods are those of the service, and the ones that a proof may name', () => {
    expect(METHODS.keyExchange).toBe(methodPath(ChatService.method.keyExchange))
    expect(METHODS.chat).toBe(methodPath(ChatService.method.chat))
    for (const path of Object.values(METHODS)) expect(contract).toContain(`"${path}"`)
    // All but the one that tells what has to be known before.
    const proven = ChatService.methods.map(methodPath).filter(path => !path.endsWith('/GetServer'))
    expect(Object.values(METHODS).toSorted()).toEqual(proven.toSorted())
  })

  test('the sizes are those that the contract names', () => {
    expect(contract).toContain(`a public key is ${KEY_BYTES} bytes, a signature ${SIGNATURE_BYTES}`)
    expect(contract).toContain(`${CONVERSATION_ID_BYTES} bytes: the MLS group id`)
    expect(contract).toContain(`${NONCE_BYTES} random bytes, new for every call`)
    expect(contract).toContain(`and this nonce (${NONCE_BYTES} random bytes)`)
    expect(contract).toContain(`at most ${TEXT_BYTES.toLocaleString('en')} bytes`)
    // The bundle, the ids of its conversation and of 250 devices, and what encodes them.
    expect(MESSAGE_BYTES - COMMIT_BUNDLE_BYTES).toBeGreaterThanOrEqual(1024 * 1024)
  })

  test('the limits of chains, commits and welcomes are those that the contract names', () => {
    const mib = 1024 * 1024
    const text = (number: number) => number.toLocaleString('en')
    expect(contract).toContain(`encoded ChainEntry has at most ${text(MAX_ENTRY_BYTES)} bytes`)
    expect(contract).toContain(`at most ${text(MAX_ENTRIES)} entries with ${MAX_CHAIN_BYTES / mib} MiB`)
    expect(contract).toContain(
      `the last ${RESERVED_ENTRIES} entries and the last ${RESERVED_BYTES / mib} MiB`,
    )
    expect(contract).toContain(`A room has at most ${MAX_ROOM_MEMBERS} members`)
    expect(contract).toContain(`At most ${text(MAX_GROUP_STATE_BYTES)} bytes`)
    expect(contract).toContain(
      `At most ${MAX_BASIS_BYTES / mib} MiB, ${MAX_BASIS_LISTS} lists, ${text(MAX_BASIS_REMOVALS)} removals and ${MAX_BASIS_REJOINS} rejoins`,
    )
    expect(contract).toContain(
      `in every Welcome (RFC 9420 section 12.4.3). At most ${MAX_JOINER_BYTES / mib} MiB`,
    )
    const aboutLedgers = contract.replaceAll(/ +/g, ' ')
    expect(aboutLedgers).toContain(
      `a list MUST have at most ${text(MAX_HELD_LIST_BYTES)} bytes, and a removal at most ${MAX_HELD_REMOVAL_BYTES}`,
    )
    expect(aboutLedgers).toContain(`at most ${text(MAX_ACCOUNT_BYTES)} bytes in a ledger`)
    expect(aboutLedgers).toContain(`each of the ${MAX_PAIRS} pairs of its devices`)
    expect(contract).toContain(`below last_epoch and less than ${REJOIN_EPOCHS} above it`)
  })

  test('the times are those that the contract names', () => {
    expect([SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS]).toEqual([1e3, 60e3, 3600e3, 86_400e3])
    expect(contract).toContain(`lifetime (RFC 9420 section 7.2) of ${KEY_PACKAGE_LIFETIME_MS / DAY_MS} days`)
    expect(contract).toContain(`has claimed for ${KEY_PACKAGE_KEPT_MS / DAY_MS}`)
    expect(contract).toContain(`every ${PRESENCE_INTERVAL_MS / SECOND_MS} seconds from there`)
    expect(contract).toContain(`for ${GONE_AFTER_MS / SECOND_MS} seconds has gone`)
    expect(contract).toContain(`group of more than ${PRESENCE_DEVICES} devices none is sent`)
    expect(IGNORED_AFTER_MS).toBe(2 * MINUTE_MS)
    expect(contract).toContain('than two minutes')
  })
})
