/** The used part of a stream of grpc-js, on either side. */
export interface MessageStream {
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  once(event: string, listener: () => void): unknown
  read(): Buffer | null
  write(message: Buffer, written?: () => void): boolean
  readonly readableEnded: boolean
  readonly destroyed: boolean
}

/**
 * Bytes. grpc-js queues up to 16 messages on a stream before it asks the writer to wait; a message
 * of this size or more is waited for by itself, so that a slow reader holds up at most about 16
 * times this and one message.
 */
const LARGE_MESSAGE_BYTES = 64 * 1024

/**
 * Reads a stream of messages at the consumer's pace. Ends when the stream has ended, failed or was
 * destroyed; which of these it was is for the caller to know. Leaves the stream open when the
 * consumer stops early.
 */
export async function* readMessages(stream: MessageStream): AsyncGenerator<Buffer, void, undefined> {
  let wake = () => {}
  const notify = () => wake()
  for (const event of ['readable', 'end', 'close']) stream.on(event, notify)
  try {
    for (;;) {
      const message = stream.read()
      if (message !== null) yield message
      else if (stream.readableEnded || stream.destroyed) return
      else
        await new Promise<void>(resolve => {
          wake = resolve
        })
    }
  } finally {
    for (const event of ['readable', 'end', 'close']) stream.off(event, notify)
  }
}

/**
 * A function that writes messages in the order of its calls, and resolves when the stream takes the
 * next one. Rejects with the signal's reason once that is aborted.
 */
export function drainAwareWriter(
  stream: MessageStream,
  signal: AbortSignal,
): (message: Buffer) => Promise<void> {
  /** The last write that has to wait; whoever writes meanwhile queues up behind it. */
  let tail: Promise<void> | undefined
  const send = (message: Buffer): Promise<void> | undefined => {
    signal.throwIfAborted()
    if (message.byteLength >= LARGE_MESSAGE_BYTES) return settled(signal, done => stream.write(message, done))
    return stream.write(message) ? undefined : settled(signal, done => stream.once('drain', done))
  }
  return async message => {
    const sent = tail === undefined ? send(message) : tail.then(() => send(message))
    if (sent === undefined) return
    tail = sent
    try {
      await sent
    } finally {
      if (tail === sent) tail = undefined
    }
  }
}

/** Resolves when `start` calls back, or rejects with the signal's reason. */
function settled(signal: AbortSignal, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    start(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}
