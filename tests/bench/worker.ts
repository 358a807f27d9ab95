// Processes of their own for what is measured and for what loads it, driven by messages.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

type Method = (argument: never) => Promise<unknown>
export type Api = Record<string, Method>

export interface WorkerProcess<A extends Api> {
  /** Rejects with what the method threw, or when the process ends before it answers. */
  call<K extends keyof A & string>(
    method: K,
    argument: Parameters<A[K]>[0],
  ): Promise<Awaited<ReturnType<A[K]>>>
  /** To the process itself, at once. Resolves when it has ended, for a signal that ends it. */
  kill(signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

interface Question {
  id: number
  method: string
  argument: unknown
}

type Answer = { id: number; value: unknown } | { id: number; error: string }

/** Starts a module that calls `answer` as a process. `flags` are Node's. */
export function startWorker<A extends Api>(file: URL, flags: string[] = []): WorkerProcess<A> {
  const module = fileURLToPath(file)
  const child = fork(module, {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning', '--expose-gc', ...flags],
    // The table alone goes to standard output.
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const waiting = new Map<number, PromiseWithResolvers<never>>()
  let next = 1
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  child.on('message', (message: Answer) => {
    const { resolve, reject } = waiting.get(message.id)!
    waiting.delete(message.id)
    if ('error' in message) reject(new Error(`${module}: ${message.error}`))
    else resolve(message.value as never)
  })
  child.once('exit', code => {
    for (const { reject } of waiting.values()) reject(new Error(`${module} ended with ${code}`))
  })
  return {
    call(method, argument) {
      if (hasEnded())
        return Promise.reject(new Error(`${module} has ended with ${child.signalCode ?? child.exitCode}`))
      const id = next++
      const answer = Promise.withResolvers<never>()
      waiting.set(id, answer)
      // A process that is being killed hears nothing any more; that it has ended says so.
      child.send({ id, method, argument } satisfies Question, () => undefined)
      return answer.promise
    },
    async kill(signal) {
      const ends = signal !== 'SIGSTOP' && signal !== 'SIGCONT' && !hasEnded()
      const ended = ends ? once(child, 'exit') : undefined
      child.kill(signal)
      await ended
    },
    async stop() {
      if (hasEnded()) return
      const exited = once(child, 'exit')
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** In the process: answers with these methods until the other side lets go. Then `close` ends it in order. */
export function answer(methods: Api, close: () => Promise<void> = async () => {}): void {
  process.on('message', ({ id, method, argument }: Question) => {
    methods[method]!(argument as never).then(
      value => process.send!({ id, value } satisfies Answer),
      (error: unknown) =>
        process.send!({ id, error: String((error as Error).stack ?? error) } satisfies Answer),
    )
  })
  process.once('disconnect', () => close().then(() => process.exit(0)))
}
