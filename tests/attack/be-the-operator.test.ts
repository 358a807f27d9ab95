// A script, and whoever types before they have chosen, writes to the operator. Somebody who answers under the server's name says
// that the operator is another one now, to be written to in their place.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { newTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
let alice: Person

beforeEach(async () => {
  town = await newTown()
  server = await town.server({ operatorHandle: 'operator' })
  alice = await town.join('alice', server)
  await alice.line('up')
  expect(alice.endpoint.operator()).toBe('operator')
  await alice.close()
})
afterEach(() => town.leave())

async function operatorAfter(...said: string[]): Promise<string | undefined> {
  for (const operatorHandle of said) {
    await server.restart({ operatorHandle })
    alice = await town.join('alice', server)
    await alice.line('up')
    if (operatorHandle !== said.at(-1)) await alice.close()
  }
  return alice.endpoint.operator()
}

test('the operator stays who they were, and the person is told', async () => {
  expect(await operatorAfter('mallory')).toBe('operator')
  const { notice } = await alice.event('notice', event => event.notice.code === 'other-operator')
  expect(notice).toMatchObject({ known: 'operator', told: 'mallory' })
  expect(alice.events.filter(({ type }) => type === 'operator')).toMatchObject([{ handle: 'operator' }])
})

test('also where there was none in between', async () => {
  expect(await operatorAfter('', 'mallory')).toBe('operator')
})
