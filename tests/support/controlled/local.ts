// The endpoint of a client's process as a test drives it: it does what the program and what the test asks, and stays open
// when the program is done with it until the test is, too.

import type { Endpoint, StartOptions } from '../../../services/endpoint/endpoint.js'
import { type LocalEndpointOptions, openLocalEndpoint as open } from '../../../services/endpoint/local.js'
import { answerCalls, givenHere, post } from './answers.js'
import { type GivenToClient, ROWS } from './messages.js'
import { savedRows } from './vault.js'

export { systemClock, systemRandom } from '../../../services/endpoint/local.js'

const given = givenHere<GivenToClient>()

export async function openLocalEndpoint(options: LocalEndpointOptions): Promise<Endpoint> {
  const endpoint = await open({
    ...options,
    ...given.open,
    onEvent(event) {
      post({ kind: 'event', event })
      options.onEvent(event)
    },
  })
  const over = Promise.withResolvers<void>()
  answerCalls(endpoint, { [ROWS]: savedRows, close: () => endpoint.close().finally(over.resolve) })
  return new Proxy(endpoint, {
    get(target, name, receiver) {
      if (name === 'close') return () => over.promise
      if (name === 'prepare') return (start: StartOptions) => prepare(target, start)
      const value: unknown = Reflect.get(target, name, receiver)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function prepare(endpoint: Endpoint, start: StartOptions): Promise<void> {
  await endpoint.prepare({ ...start, ...given.start })
  post({ kind: 'ready' })
}
