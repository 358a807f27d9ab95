// The doctor on real endpoints: it finds what is wrong, says so in one line, and repairs what it can.

import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { treat } from '../../../../services/client/commands/doctor.js'
import type { Finding } from '../../../../services/endpoint/doctor/finding.js'
import { phaseRecord } from '../../../../services/endpoint/groups/state/phase-record.js'
import { countOf, groupNumber } from '../../../../services/endpoint/ids.js'
import { at, Records, type Transaction } from '../../../../services/endpoint/vault/records.js'
import { deviceKey } from '../../../../services/protocol/keys.js'
import { aliceAndBob } from '../../../support/alice-and-bob.js'
import { storesOn } from '../../../support/endpoint-context.js'
import { keyIn } from '../../../support/numbers.js'
import { HOST, type Person, type Server, type Town } from '../../../support/town.js'

jest.setTimeout(20_000)

let town: Town
let server: Server
let alice: Person
let bob: Person

beforeEach(async () => {
  ;({ town, server, alice, bob } = await aliceAndBob())
  await alice.write('bob', 'hello')
  await bob.received(1)
  await bob.write('alice', 'hi')
  await Promise.all([alice.allAre('delivered'), bob.allAre('delivered')])
})
afterEach(async () => {
  await town.leave()
})

const problems = (findings: readonly { verdict: string }[]) =>
  findings.filter(({ verdict }) => verdict === 'problem')
const found = (findings: readonly Finding[], check: string) =>
  findings.find(finding => finding.check === check)

/** Changes the vault of somebody who is away. */
async function inVaultOf(person: Person, change: (tx: Transaction) => void): Promise<void> {
  await person.close()
  const vault = person.disk.open()
  const { transaction } = await storesOn(new Records(vault, () => undefined))
  await transaction(({ tx }) => change(tx))
  vault.close()
}
const back = async (person: Person) => {
  const again = await town.join(person.handle, server)
  await again.line('up')
  return again
}

test('finds nothing wrong where nothing is, looks at everything, and changes nothing by looking', async () => {
  const findings = await alice.endpoint.examine()
  expect(problems(findings)).toEqual([])
  expect(new Set(findings.map(({ check }) => check))).toEqual(
    new Set([
      'server',
      'key',
      'certificate',
      'line',
      'clock',
      'registration',
      'key-packages',
      'group',
      'records',
    ]),
  )
  expect(found(findings, 'group')).toMatchObject({
    peer: 'bob',
    found: { code: 'agreement', accounts: 2, devices: 2, others: 1 },
  })
  expect(await treat(alice.endpoint)).toMatchObject({ healthy: true })
})

test('tells a server that is down from one that shows another key', async () => {
  await server.stop()
  await alice.line('down')
  const down = await alice.endpoint.examine()
  expect(found(down, 'server')).toMatchObject({
    verdict: 'problem',
    found: { code: 'server-unreachable', why: 'refused' },
  })
  expect(found(down, 'line')?.verdict).toBe('problem')
  expect(found(down, 'registration')?.verdict).toBe('problem')
  expect(found(down, 'records')?.verdict).toBe('well')
  expect((await treat(alice.endpoint, { timeoutMs: 0 })).healthy).toBe(false)

  await alice.close()
  const other = await town.server({ name: 'other' })
  alice = await town.open('alice')
  await alice.endpoint.prepare({ address: { host: HOST, port: other.port } })
  expect(found(await alice.endpoint.examine(['connection']), 'key')).toMatchObject({
    verdict: 'problem',
    found: { code: 'server-key-wrong', why: { code: 'server-changed' } },
  })
})

test('has a conversation whose keys are of no use opened anew, and what waited arrives', async () => {
  await inVaultOf(alice, tx => {
    for (const { key, record } of tx.list('groups'))
      tx.put('groups', key, { ...record, ...phaseRecord({ name: 'ended', why: 'abandoned' }) })
  })
  await alice.close()
  alice = await town.open('alice')
  expect(found(await alice.endpoint.examine(['conversation']), 'group')).toMatchObject({
    verdict: 'problem',
    found: { code: 'keys-useless' },
  })
  alice.endpoint.connect()
  await alice.line('up')
  expect((await treat(alice.endpoint)).healthy).toBe(true)
  await alice.write('bob', 'in the new one')
  expect(await bob.received(2)).toEqual(['hello', 'in the new one'])
})

test('asks at once for a conversation that was lost, and says that it is back', async () => {
  const number = await alice.endpoint.createRoom({ name: 'tea', historyDays: 0 })
  await alice.endpoint.changeRoom(number, { kind: 'invite', handle: 'bob' })
  await bob.event('conversation', ({ peer, state }) => peer === '#tea' && state === 'ready')
  await alice.holds(() => alice.endpoint.room(number).members.length === 2)
  await bob.holds(
    () =>
      bob.endpoint.room(bob.endpoint.conversations().find(({ peer }) => peer === '#tea')!.number).state ===
      'ready',
  )
  await inVaultOf(bob, tx => {
    for (const { key, record } of tx.list('groups'))
      tx.put('groups', key, {
        ...record,
        ...phaseRecord({ name: 'out-of-sync', askDue: false, leaveDue: false }),
        rejoinAskedMs: BigInt(Date.now()),
      })
  })
  bob = await back(bob)
  const { findings, healthy } = await treat(bob.endpoint)
  expect(healthy).toBe(true)
  expect(findings).toContainEqual(
    expect.objectContaining({
      peer: '#tea',
      check: 'group',
      verdict: 'repaired',
      did: { code: 'asked-to-rejoin' },
    }),
  )
  await alice.endpoint.send(number, 'you are back')
  await bob.holds(() =>
    bob.events.some(event => event.type === 'message' && event.entry.text === 'you are back'),
  )
})

test('gives up changes that cannot be made any more', async () => {
  await inVaultOf(alice, tx => {
    const [group] = tx.list('groups')
    tx.putBytes('pending', at(group!.key.id), Uint8Array.of(1))
    const change = { case: 'addAccount', value: { handle: 'carol' } } as const
    tx.put('intents', keyIn('intents', { group: group!.key.id, id: 1n }), { change })
    const phase = phaseRecord({ name: 'leaving', leaveDue: false, commitOut: true })
    tx.put('groups', at(group!.key.id), { ...group!.record, ...phase })
  })
  alice = await town.open('alice')
  const before = await alice.endpoint.examine(['conversation'])
  expect(found(before, 'changes')).toMatchObject({
    found: { code: 'changes-pointless', count: 1 },
  })
  expect(found(await alice.endpoint.repair(), 'changes')?.did).toEqual({ code: 'gave-up-changes' })
  expect(found(await alice.endpoint.examine(['conversation']), 'changes')).toBeUndefined()
})

test('finds a commit that is waited for and is not on its way', async () => {
  await inVaultOf(alice, tx => {
    const [group] = tx.list('groups')
    tx.putBytes('pending', at(group!.key.id), Uint8Array.of(1))
    tx.put('groups', group!.key, { ...group!.record, ...phaseRecord({ name: 'committing' }) })
  })
  alice = await town.open('alice')
  expect(found(await alice.endpoint.examine(['conversation']), 'commit')?.verdict).toBe('problem')
  await alice.endpoint.repair()
  expect(found(await alice.endpoint.examine(['conversation']), 'commit')).toBeUndefined()
})

test('asks again for what is missing, and gives up what nobody can send any more', async () => {
  await inVaultOf(bob, tx => {
    for (const { key, record } of tx.list('senders'))
      tx.put('senders', key, { ...record, missing: [countOf(1n)] })
    const deviceId = deviceKey(new Uint8Array(32).fill(9))
    const key = { group: groupNumber(1n), id: tx.numberOf('device', deviceId) }
    tx.put('senders', key, { deviceId, missing: [countOf(4n), countOf(5n)] })
  })
  bob = await back(bob)
  const findings = (await bob.endpoint.repair()).filter(({ check }) => check === 'gap')
  expect(findings.sort((a, b) => b.verdict.localeCompare(a.verdict))).toEqual([
    expect.objectContaining({ verdict: 'problem', did: { code: 'asked-again' } }),
    expect.objectContaining({
      verdict: 'note',
      found: { code: 'gap-for-ever', handle: undefined, count: 2 },
    }),
  ])
  // Alice has nothing to say again under that count, or says it; either way nothing is waited for.
  await alice.write('bob', 'and on it goes')
  await bob.received(2)
  expect((await treat(bob.endpoint)).healthy).toBe(true)
})

test('tells who was shown another course of the conversation', async () => {
  await inVaultOf(bob, tx => {
    for (const { key, record } of tx.list('senders'))
      tx.put('senders', key, { ...record, differedAtMs: 1n, differedEpoch: 100n })
  })
  bob = await town.open('bob')
  expect(found(await bob.endpoint.examine(['conversation']), 'course')).toMatchObject({
    verdict: 'problem',
    found: { code: 'forked', handle: 'alice' },
  })
})
