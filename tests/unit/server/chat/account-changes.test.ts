import { expect, test } from '@jest/globals'
import { AccountChanges } from '../../../../services/server/chat/account-changes.js'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import type { DeviceId } from '../../../../services/server/store/store.js'
import { commit, converse, mustSend, recordOf, register, remove } from '../../../support/store-world.js'

function scene() {
  const store = openMemoryStore()
  const told: string[] = []
  const failures: unknown[] = []
  const names = new Map<string, string>()
  const changes = new AccountChanges({
    ...store,
    sessions: {
      addChangedAccount(devices: readonly DeviceId[], handle: string) {
        for (const device of devices) told.push(`${handle} to ${names.get(String(device))}`)
      },
    },
    onFailure: error => void failures.push(error),
  })
  const person = async (name: string, handle = name) => {
    names.set(String(recordOf(name, handle).deviceId), name)
    return register(store, name, handle)
  }
  return { store, told, failures, changes, person }
}

test('the account itself is told, and those on the rosters that it is on, also by the revoked', async () => {
  const { store, told, changes, person } = scene()
  const [phone, laptop] = [await person('phone', 'anna'), await person('laptop', 'anna')]
  const [bert, carl] = [await person('bert'), await person('carl')]
  const dora = await person('dora')
  await converse(store, phone, bert)
  await converse(store, laptop, carl)
  const left = await converse(store, bert, dora, phone)
  await mustSend(store, bert, commit(bert, left, { epoch: 1n, removed: [phone] }))
  await remove(store, 'phone', { handle: 'anna', removed: 'laptop' })
  changes.announce('anna', [laptop.id])
  await changes.stop()
  // It was under way when it was stopped, and was finished.
  expect(new Set(told)).toEqual(new Set(['anna to phone', 'anna to laptop', 'anna to bert', 'anna to carl']))
})

test('changes that come while another is told are told once each; a failure stops none of the others', async () => {
  const { told, failures, changes, person, store } = scene()
  for (const name of ['anna', 'bert', 'carl']) await person(name)
  const failure = new Error('gone')
  const { devices } = store.directory
  const all = Promise.withResolvers<void>()
  store.directory.devices = async handle => {
    if (handle === 'bert') throw failure
    if (handle === 'carl') all.resolve()
    return devices.call(store.directory, handle)
  }
  changes.announce('anna', [])
  for (const handle of ['bert', 'anna', 'carl', 'anna']) changes.announce(handle, [])
  await all.promise
  await changes.stop()
  expect(told).toEqual(['anna to anna', 'anna to anna', 'carl to carl'])
  expect(failures).toEqual([failure])
})

test('after a stop nothing is told, and the store is left alone', async () => {
  const { told, changes, person } = scene()
  await person('anna')
  await changes.stop()
  changes.announce('anna', [])
  await changes.stop()
  expect(told).toEqual([])
})
