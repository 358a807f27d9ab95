// The client as a process, and its endpoint as a test has it of an endpoint of its own.

import type { Endpoint } from '../../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../../services/endpoint/events.js'
import { type GivenToClient, ROWS, type SavedRow } from './messages.js'
import { ControlledProcess } from './process.js'

interface ClientStart {
  handle: string
  /** Of the folder that has the vault in a folder of the handle's name. */
  data: string
  address: string
  given: GivenToClient
  onEvent(event: EndpointEvent): void
}

export class ControlledClient {
  readonly endpoint: Endpoint
  #rows: SavedRow[] | undefined

  private constructor(private readonly process: ControlledProcess) {
    this.endpoint = process.remote<Endpoint>({ close: () => this.close() })
  }

  /** Starts one; resolves when it has an account and begins to connect. */
  static async start({ handle, data, address, given, onEvent }: ClientStart): Promise<ControlledClient> {
    const process = await ControlledProcess.start({
      program: 'client/main.js',
      parameters: [address, '--data', data, '--handle', handle, '--json', '--follow'],
      given,
      onEvent: event => onEvent(event as EndpointEvent),
    })
    return new ControlledClient(process)
  }

  /** All that its vault holds, or held when it was closed. */
  rows(): SavedRow[] {
    return this.#rows ?? (this.process.call(ROWS) as SavedRow[])
  }

  async close(): Promise<void> {
    if (!this.#rows) {
      this.#rows = this.rows()
      await this.process.call('close')
    }
    await this.process.kill()
  }
}
