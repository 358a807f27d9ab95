// A real process of one of the programs, of which a test asks things as if they were its own: what is answered at once there
// is answered at once here, for the test waits for the process.

import { serialize } from 'node:v8'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Refusal } from '../../../services/endpoint/codes/refusal.js'
import { cleanEnvironment, nodeArguments, WAIT_MS } from '../processes.js'
import type { BridgeOptions } from './bridge.js'
import { type FromBridge, type FromProcess, GIVEN, type Result } from './messages.js'

interface ProcessStart {
  /** Of dist/services. */
  program: string
  parameters: readonly string[]
  /** For what is put in the places of its modules: see hooks.ts. */
  given: unknown
  onEvent?(event: unknown): void
}

type Answer = Extract<FromProcess, { kind: 'answer' }>

export class ControlledProcess {
  readonly #flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  readonly #channel = new MessageChannel()
  readonly #worker: Worker
  readonly #later = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #calls = 0
  #isOver = false

  private constructor({ program, parameters, given, onEvent = () => undefined }: ProcessStart) {
    const hooks = new URL('./hooks.js', import.meta.url).href
    const options: BridgeOptions = {
      command: process.execPath,
      parameters: [...nodeArguments(program, ['--import', hooks]), ...parameters],
      environment: cleanEnvironment({ [GIVEN]: serialize(given).toString('base64') }),
      answers: this.#channel.port2,
      flag: this.#flag,
    }
    this.#worker = new Worker(new URL('./bridge.js', import.meta.url), {
      workerData: options,
      transferList: [this.#channel.port2],
    })
    this.#worker.on('message', (message: FromBridge) => this.#hear(message, onEvent))
  }

  /** Starts one; resolves when it says that it is ready. */
  static async start(start: ProcessStart): Promise<ControlledProcess> {
    const made = new ControlledProcess(start)
    await made.#ready.promise
    return made
  }

  /** The thing that is controlled there: each method is called there. `own` are called here. */
  remote<T extends object>(own: Partial<T> = {}): T {
    return new Proxy({} as T, {
      get: (_, method) => {
        // It is no promise, for a test that awaits it.
        if (typeof method !== 'string' || method === 'then') return undefined
        return Reflect.get(own, method) ?? ((...parameters: unknown[]) => this.call(method, parameters))
      },
    })
  }

  /** As by kill -9. */
  async kill(): Promise<void> {
    if (!this.#isOver) this.#worker.postMessage('kill')
    await this.#ended.promise
    this.#channel.port1.close()
    await this.#worker.terminate()
  }

  call(method: string, parameters: readonly unknown[] = []): unknown {
    if (this.#isOver) throw new Error(`the process has ended: ${method}`)
    const id = ++this.#calls
    const flag = new Int32Array(this.#flag)
    Atomics.store(flag, 0, 0)
    this.#worker.postMessage({ id, method, parameters })
    if (Atomics.wait(flag, 0, 0, WAIT_MS) === 'timed-out')
      throw new Error(`the process does not answer ${method}`)
    const { result } = receiveMessageOnPort(this.#channel.port1)!.message as Answer
    if (result !== 'later') return outcomeOf(result)
    const settled = Promise.withResolvers<unknown>()
    this.#later.set(id, settled)
    return settled.promise
  }

  #hear(message: FromBridge, onEvent: (event: unknown) => void): void {
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
    const why = new Error(`the process has ended: ${said}`)
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
