// Whether a group's keys may be used by another copy of the vault.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import {
  needsFreshKeys,
  putBacks,
  wasRefusedLately,
} from '../../../../../services/endpoint/groups/state/fresh-keys.js'
import { ASK_AGAIN_MS } from '../../../../../services/endpoint/groups/state/group.js'
import { saveServer } from '../../../../../services/endpoint/sync/server-record.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { TestGroup } from '../../../../support/group.js'

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  group = await TestGroup.of(testing, { others: [makeAccount('bob')] })
})

const noted = (number: bigint, notedAtMs = 1000n) =>
  testing.written(tx => {
    const { putBack } = recordOf('server', { putBack: { number, notedAtMs } })
    saveServer(tx, { putBack })
  })

test('they may as often as it was noted that the vault was put back, until there are others', async () => {
  expect([putBacks(testing.context.records), needsFreshKeys(group.live)]).toEqual([0n, false])
  await testing.written(tx => saveServer(tx, { host: 'memory' }))
  expect([putBacks(testing.context.records), needsFreshKeys(group.live)]).toEqual([0n, false])
  await noted(2n)
  expect([putBacks(testing.context.records), needsFreshKeys(group.live)]).toEqual([2n, true])
  await group.change({ keysSincePutBack: 1n })
  expect(needsFreshKeys(group.live)).toBe(true)
  await group.change({ keysSincePutBack: 2n })
  expect(needsFreshKeys(group.live)).toBe(false)
})

describe('a commit that would have brought them', () => {
  const refused = (now: number) => wasRefusedLately(group.live, now)
  const at = 5000

  test('was refused lately, where the server refused it since the vault was put back', async () => {
    expect(refused(at)).toBe(false)
    await noted(1n)
    await group.change({ commitSincePutBack: 1n, committedAtMs: BigInt(at) })
    expect([refused(at), refused(at + ASK_AGAIN_MS - 1), refused(at + ASK_AGAIN_MS)]).toEqual([
      true,
      true,
      false,
    ])
  })

  test('was not, where the one that was refused is older', async () => {
    await noted(1n)
    await group.change({ commitSincePutBack: 0n, committedAtMs: BigInt(at) })
    expect(refused(at)).toBe(false)
    await group.change({ commitSincePutBack: 1n, committedAtMs: 1000n })
    expect(refused(1001)).toBe(false)
  })
})
