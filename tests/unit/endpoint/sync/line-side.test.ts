import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { OpenedSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { KeyExchangedSchema } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { LineDown } from '../../../../services/endpoint/codes/line-error.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { needsFreshKeys } from '../../../../services/endpoint/groups/state/fresh-keys.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { clientSequenceOf } from '../../../../services/endpoint/ids.js'
import { LineSide } from '../../../../services/endpoint/sync/line-side.js'
import { loadServer, saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { VaultError } from '../../../../services/endpoint/vault/vault.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../support/endpoint-groups.js'
import { certificateOf } from '../../../support/memory/network.js'

let endpoint: TestContext
let group: LiveGroup
let side: LineSide
/** The calls that were made, in their order. */
let done: string[]
let failing: Error | undefined

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
  await endpoint.written(tx => saveServer(tx, { host: 'memory', port: 1, inviteToken: 'token' }))
  done = []
  failing = undefined
  side = new LineSide({
    ...endpoint,
    keys: {
      opened: () => void done.push('keys'),
      stock: {
        fill: async ({ keyPackagesLeft }) => {
          if (failing) throw failing
          done.push(`fill ${keyPackagesLeft}`)
          return 0
        },
      },
    },
    sendLoop: {
      opened: () => void done.push('sends'),
      down: () => void done.push('no sends'),
      noteGiven: () => void done.push('note'),
    },
    receives: {
      async take(frame) {
        if (failing) throw failing
        done.push(`${frame.case}`)
      },
    },
    beat: { up: () => void done.push('beat'), down: () => void done.push('no beat') },
    emit: event => void done.push(event.type),
  })
})

const opened = (clientSequence: bigint) =>
  side.onOpened(
    create(OpenedSchema, {
      clientSequence,
      operatorHandle: 'operator',
      serverTimeMs: BigInt(endpoint.clock.now()),
    }),
  )
const rejoins = () => endpoint.outbox.items().filter(({ item }) => item.what.case === 'rejoin')

test('the first call carries the invitation, looks this account up, and shows whose device it is', () => {
  const { certificate: deviceCertificate } = endpoint.context.account
  expect(side.registration()).toEqual({ inviteToken: 'token', deviceCertificate, lookupHandles: ['alice'] })
})

test('once the account is in, the invitation is forgotten and the stock filled', async () => {
  await side.keyExchanged(create(KeyExchangedSchema, { keyPackagesLeft: 3 }))
  expect(loadServer(endpoint.context.records)?.inviteToken).toBe('')
  expect(done).toEqual(['fill 3'])
})

test('answers that are not signed are dropped, which is told once for each connection', async () => {
  const seen = certificateOf('first', endpoint.clock)
  const asked = { lookupHandles: ['bob'] }
  const answer = create(KeyExchangedSchema, {
    lookups: [{ handle: 'bob', outcome: { case: 'unknown', value: {} } }],
  })
  for (const connections of [1, 2]) {
    await side.trust(seen)
    for (let times = 0; times < 2; times++)
      expect(side.answered(answer, asked).lookups[0]!.outcome.case).toBeUndefined()
    expect(done).toEqual(Array.from({ length: connections }, () => 'notice'))
  }
})

test('the stream goes on from the cursor that is saved', async () => {
  expect(side.cursor()).toEqual(new Uint8Array())
  await endpoint.written(tx => saveServer(tx, { cursor: Uint8Array.of(1) }))
  expect(side.cursor()).toEqual(Uint8Array.of(1))
})

test('the stream begins anew after a cursor that the server did not give', async () => {
  await endpoint.written(tx => saveServer(tx, { cursor: Uint8Array.of(1), host: 'here' }))
  await side.cursorRefused()
  expect(side.cursor()).toEqual(new Uint8Array())
  expect(loadServer(endpoint.context.records)?.host).toBe('here')
})

describe('when the stream is open', () => {
  test('keys are asked for and what waits is sent, and the operator and the clock are known', async () => {
    endpoint.told.length = 0
    endpoint.clock.pass(1)
    await opened(0n)
    expect(done).toEqual(['note', 'keys', 'sends'])
    expect(endpoint.told).toEqual([{ type: 'operator', handle: 'operator' }])
    expect(loadServer(endpoint.context.records)?.operatorHandle).toBe('operator')
    expect(side.clockOffsetMs).toBe(0)
  })

  test('a server that has no more than this vault gave knows the same device', async () => {
    await endpoint.written(tx => saveServer(tx, { clientSequence: clientSequenceOf(5n) }))
    await opened(5n)
    expect(rejoins()).toEqual([])
  })

  test('a server that has more was written to from a vault of which this is a copy, perhaps: no state is given up', async () => {
    await endpoint.written(tx => saveServer(tx, { clientSequence: clientSequenceOf(5n) }))
    endpoint.told.length = 0
    await opened(6n)
    expect([rejoins(), group.phase.name]).toEqual([[], 'active'])
    expect(endpoint.told).toContainEqual(expect.objectContaining({ notice: { code: 'copy-put-back' } }))
    expect(needsFreshKeys(group)).toBe(true)
    expect(loadServer(endpoint.context.records)?.putBack).toMatchObject({ number: 1n, had: 6n })
  })

  test('a server that has more than the vault can count lies, and is not listened to', async () => {
    await expect(opened(2n ** 62n + 1n)).rejects.toThrow(LineDown)
    expect(needsFreshKeys(group)).toBe(false)
    await opened(2n ** 62n)
    expect(needsFreshKeys(group)).toBe(true)
  })
})

describe('the state of the line', () => {
  test('up has this device say that it is here', () => {
    side.onState({ state: 'up' })
    expect(done).toEqual(['beat', 'line'])
    expect(side.state).toEqual({ state: 'up' })
  })

  test.each([
    { state: 'connecting' },
    { state: 'down', cause: { code: 'ended' }, retryInMs: 1 },
    { state: 'stopped', reason: 'revoked', cause: { code: 'revoked' } },
  ] as const)('$state has nothing sent any more', state => {
    side.onState(state)
    expect(done).toEqual(['no sends', 'no beat', 'line'])
    expect(side.state).toEqual(state)
  })
})

test('frames are given on', async () => {
  await side.onFrame({ case: undefined })
  expect(done).toEqual(['undefined'])
})

describe('a vault that fails stops the line', () => {
  const stopped = { name: 'LineStopped', why: { code: 'vault', vault: { code: 'full' } } }

  test('while it notes the server, what that has, or that the stream is open', async () => {
    endpoint.disk.fail({ reason: 'full' })
    await expect(side.trust(certificateOf('first', endpoint.clock))).rejects.toMatchObject(stopped)
    await expect(side.keyExchanged(create(KeyExchangedSchema, {}))).rejects.toMatchObject(stopped)
    await expect(opened(0n)).rejects.toMatchObject(stopped)
  })

  test('while it takes in a frame, or makes key packages', async () => {
    failing = new VaultError({ code: 'full', file: 'memory' })
    await expect(side.onFrame({ case: undefined })).rejects.toMatchObject(stopped)
    endpoint.disk.mend()
    await expect(side.keyExchanged(create(KeyExchangedSchema, {}))).rejects.toMatchObject(stopped)
  })

  test('but a defect is no failure of the vault', async () => {
    failing = new TypeError('a defect')
    await expect(side.onFrame({ case: undefined })).rejects.toBe(failing)
  })
})
