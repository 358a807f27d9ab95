// The endpoint of a client's process as a test drives it: it does what the program and what the test asks, and stays open
// when the program is done with it until the test is, too.

import { deserialize } from 'node:v8'
import type { Endpoint, StartOptions } from '../../../services/endpoint/endpoint.js'
import { type LocalEndpointOptions, openLocalEndpoint as open } from '../../../services/endpoint/local.js'
import { type Call, type FromClient, GIVEN, type Given, type Result, ROWS, type Thrown } from './messages.js'
import { savedRows } from './vault.js'

export { systemClock, systemRandom } from '../../../services/endpoint/local.js'

const given: Given = deserialize(Buffer.from(process.env[GIVEN] ?? '', 'base64'))
const post = (message: FromClient) => void process.send?.(message)

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
  process.on('message', (call: Call) => answer(endpoint, call, over.resolve))
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

function answer(endpoint: Endpoint, { id, method, parameters }: Call, over: () => void): void {
  const result = resultOf(() => {
    if (method === ROWS) return savedRows()
    const called: unknown = Reflect.get(endpoint, method)
    if (typeof called !== 'function') throw new TypeError(`an endpoint has no ${method}`)
    return called.apply(endpoint, parameters)
  })
  const promise = 'value' in result && result.value instanceof Promise ? result.value : undefined
  post({ kind: 'answer', id, result: promise ? 'later' : result })
  const settled = (outcome: Result) => {
    post({ kind: 'settled', id, result: outcome })
    if (method === 'close') over()
  }
  promise?.then(
    (value: unknown) => settled({ value }),
    (error: unknown) => settled({ thrown: thrownOf(error) }),
  )
}

function resultOf(work: () => unknown): Result {
  try {
    return { value: work() }
  } catch (error) {
    return { thrown: thrownOf(error) }
  }
}

const thrownOf = (error: unknown): Thrown =>
  error instanceof Error
    ? { ...error, name: error.name, message: error.message }
    : { name: 'Error', message: `${error}` }
