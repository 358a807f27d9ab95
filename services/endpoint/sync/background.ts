import { RpcError } from '../../rpc/error.js'
import { LineStopped } from '../codes/line-error.js'

/** Work that waits for the server, beside the units of work. */
export class Background {
  readonly #running = new Set<Promise<unknown>>()

  /** `onFailure` is told of what fails for another reason than that the line is down. */
  constructor(private readonly onFailure: (error: unknown) => void) {}

  run(work: Promise<unknown>): void {
    const done = work
      .catch(ignoreDownLine)
      .catch(this.onFailure)
      .finally(() => this.#running.delete(done))
    this.#running.add(done)
  }

  /** Resolves when all that runs has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }
}

/** Ignores that the line went down: the caller tries again when it is up. */
export function ignoreDownLine(error: unknown): undefined {
  if (error instanceof RpcError || error instanceof LineStopped) return undefined
  throw error
}
