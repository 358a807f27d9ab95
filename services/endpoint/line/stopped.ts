import type { StopReason } from '../events.js'

/** The line cannot go on by itself; the message says what a person can do. */
export class LineStopped extends Error {
  override name = 'LineStopped'
  constructor(
    readonly reason: StopReason,
    message: string,
  ) {
    super(message)
  }
}
