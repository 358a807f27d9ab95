// A real process of the client, and its endpoint as a test has it of an endpoint of its own: what an endpoint answers at
// once is answered at once, for the test waits for the process.

import { serialize } from 'node:v8'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Refusal } from '../../../services/endpoint/codes/refusal.js'
import type { Endpoint } from '../../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../../services/endpoint/events.js'
import { cleanEnvironment, nodeArguments, WAIT_MS } from '../processes.js'
import type { BridgeOptions } from './bridge.js'
import {
  type FromBridge,
  type FromClient,
  GIVEN,
  type Given,
  type Result,
  ROWS,
  type SavedRow,
} from './messages.js'

export interface ClientStart {
  handle: string
  /** Of the folder that has the vault in a folder of the handle's name. */
  data: string
  address: string
  given: Given
  onEvent(event: EndpointEvent): void
}

type Answer = Extract<FromClient, { kind: 'answer' }>

export class ControlledClient {
  readonly #flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  readonly #channel = new MessageChannel()
  readonly #worker: Worker
  readonly #later = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #calls = 0
  #isOver = false
  #rows: SavedRow[] | undefined
  readonly endpoint: Endpoint

  private constructor({ handle, data, address, given, onEvent }: ClientStart) {
    const hooks = new URL('./hooks.js', import.meta.url).href
    const options: BridgeOptions = {
      command: process.execPath,
      parameters: [
        ...nodeArguments('client/main.js', ['--import', hooks]),
        ...[address, '--data', data, '--handle', handle, '--json', '--follow'],
      ],
      environment: cleanEnvironment({ [GIVEN]: serialize(given).toString('base64') }),
      answers: this.#channel.port2,
      flag: this.#flag,
    }
    this.#worker = new Worker(new URL('./bridge.js', import.meta.url), {
      workerData: options,
      transferList: [this.#channel.port2],
    })
    this.#worker.on('message', (message: FromBridge) => this.#hear(message, onEvent))
    this.endpoint = this.#proxy()
  }

  /** Starts one; resolves when it has an account and begins to connect. */
  static async start(start: ClientStart): Promise<ControlledClient> {
    const client = new ControlledClient(start)
    await client.#ready.promise
    return client
  }

  /** All that its vault holds, or held when it was closed. */
  rows(): SavedRow[] {
    return this.#rows ?? (this.#call(ROWS, []) as SavedRow[])
  }

  async close(): Promise<void> {
    if (this.#rows) return await this.#ended.promise
    this.#rows = this.rows()
    await this.#call('close', [])
    this.#worker.postMessage('kill')
    await this.#ended.promise
    this.#channel.port1.close()
    await this.#worker.terminate()
  }

  #proxy(): Endpoint {
    return new Proxy({} as Endpoint, {
      get: (_, method) => {
        // It is no promise, for whoever awaits it.
        if (typeof method !== 'string' || method === 'then') return undefined
        if (method === 'close') return () => this.close()
        return (...parameters: unknown[]) => this.#call(method, parameters)
      },
    })
  }

  #call(method: string, parameters: unknown[]): unknown {
    if (this.#isOver) throw new Error(`the client is closed: ${method}`)
    const id = ++this.#calls
    const flag = new Int32Array(this.#flag)
    Atomics.store(flag, 0, 0)
    this.#worker.postMessage({ id, method, parameters })
    if (Atomics.wait(flag, 0, 0, WAIT_MS) === 'timed-out')
      throw new Error(`the client does not answer ${method}`)
    const { result } = receiveMessageOnPort(this.#channel.port1)!.message as Answer
    if (result !== 'later') return outcomeOf(result)
    const settled = Promise.withResolvers<unknown>()
    this.#later.set(id, settled)
    return settled.promise
  }

  #hear(message: FromBridge, onEvent: ClientStart['onEvent']): void {
    if (message.kind === 'event') onEvent(message.event)
    else if (message.kind === 'ready') this.#ready.resolve()
    else if (message.kind === 'settled') this.#settle(message.id, message.result)
    else if (message.kind === 'ended') this.#end(message.said)
  }

  #settle(id: number, result: Result): void {
    const later = this.#later.get(id)
    this.#later.delete(id)
    try {
      later?.resolve(outcomeOf(result))
    } catch (error) {
      later?.reject(error)
    }
  }

  #end(said: string): void {
    const why = new Error(`the client has ended: ${said}`)
    this.#ready.reject(why)
    for (const { reject } of this.#later.values()) reject(why)
    this.#later.clear()
    this.#isOver = true
    this.#ended.resolve()
  }
}

function outcomeOf(result: Result): unknown {
  if ('value' in result) return result.value
  const { name, message, ...fields } = result.thrown
  const error = name === 'Refusal' ? new Refusal(fields.why as Refusal['why']) : new Error(message)
  throw Object.assign(error, fields)
}
