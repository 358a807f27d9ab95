// A welcome is the one thing that a stranger sends and that is worked on before anything of it is
// verified. So it is opened in a worker with limits on time and memory: the worst that a hostile
// one can do is to end the worker.

import { Worker } from 'node:worker_threads'
import { COMMIT_BUNDLE_BYTES } from '../../protocol/sizes.js'
import type { Joined, OwnKeyPackage } from './join.js'
import type { CiphersuiteName } from './library.js'
import { type MlsCause, MlsRefused } from './refused.js'

/** Milliseconds for one welcome, the start of the worker aside. One for 250 devices takes about 100 ms. */
const TIMEOUT_MS = 10_000
/** Milliseconds after which a worker that has nothing to do is ended: it takes some tens of MiB. */
const IDLE_MS = 10_000
/** Of the worker's heap, in MiB. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 }
const DEFAULT_VALIDATOR = new URL('./validate-credential.js', import.meta.url)

export interface WelcomeRequest {
  /** An encoded MLSMessage. */
  welcome: Uint8Array
  /** All that it may be for. */
  keyPackages: OwnKeyPackage[]
}

interface OpenedWelcome extends Omit<Joined, 'state'> {
  /** As Engine.save() makes it. */
  state: Uint8Array
}

export interface WelcomeOpener {
  /**
   * Waits for the ones before it.
   * @throws MlsRefused; another error (closed meanwhile, say) tells nothing about the welcome.
   */
  open(request: WelcomeRequest): Promise<OpenedWelcome>
  /** Ends the worker. A welcome that it is opening then fails. */
  close(): Promise<void>
}

export type WelcomeAnswer = ({ kind: 'opened' } & OpenedWelcome) | { kind: 'refused'; cause: MlsCause }
/** The first says that the worker has started, which a busy machine may take long over. */
export type WorkerMessage = { kind: 'ready' } | WelcomeAnswer

interface Running {
  worker: Worker
  isReady: boolean
}

export interface WorkerSettings {
  validateModule: string
  suite?: CiphersuiteName
}

interface WelcomeOpenerOptions {
  /** A module that exports `validateCredential`; the device certificates' own unless given. */
  validateModule?: URL
  suite?: CiphersuiteName
  timeoutMs?: number
  idleMs?: number
}

/** Opens welcomes in a worker. It starts none before the first welcome, and keeps no process alive. */
export class WorkerWelcomeOpener implements WelcomeOpener {
  readonly #settings: WorkerSettings
  readonly #timeoutMs: number
  readonly #idleMs: number
  #current: Running | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #idle: NodeJS.Timeout | undefined

  constructor({
    validateModule = DEFAULT_VALIDATOR,
    suite,
    timeoutMs = TIMEOUT_MS,
    idleMs = IDLE_MS,
  }: WelcomeOpenerOptions = {}) {
    this.#settings = { validateModule: validateModule.href, ...(suite && { suite }) }
    this.#timeoutMs = timeoutMs
    this.#idleMs = idleMs
  }

  open(request: WelcomeRequest): Promise<OpenedWelcome> {
    clearTimeout(this.#idle)
    this.#waiting++
    const result = this.#last.then(() => this.#openNow(request))
    this.#last = result
      .catch(() => undefined)
      .then(() => {
        if (--this.#waiting === 0) this.#idle = setTimeout(() => this.#end(), this.#idleMs).unref()
      })
    return result
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#end()
  }

  #running(): Running {
    if (this.#current !== undefined) return this.#current
    const started = { worker: startWorker(this.#settings), isReady: false }
    started.worker.once('message', () => {
      started.isReady = true
    })
    started.worker.once('exit', () => {
      if (this.#current === started) this.#current = undefined
    })
    this.#current = started
    return started
  }

  async #openNow(request: WelcomeRequest): Promise<OpenedWelcome> {
    if (request.welcome.length > COMMIT_BUNDLE_BYTES) throw new MlsRefused('too-costly')
    const answer = await this.#askOrReplace(this.#running(), request)
    if (answer.kind === 'refused') throw new MlsRefused(answer.cause)
    const { kind: _, ...opened } = answer
    return opened
  }

  #end(): Promise<unknown> {
    const ended = this.#current
    this.#current = undefined
    return ended?.worker.terminate() ?? Promise.resolve()
  }

  async #askOrReplace(asked: Running, request: WelcomeRequest): Promise<WelcomeAnswer> {
    try {
      return await ask(asked, request, this.#timeoutMs)
    } catch (error) {
      // It may still be running: only a new worker is certain to answer the next one.
      this.#current = undefined
      await asked.worker.terminate()
      throw error
    }
  }
}

function startWorker(settings: WorkerSettings): Worker {
  const worker = new Worker(new URL('./welcome-worker.js', import.meta.url), {
    workerData: settings,
    resourceLimits: RESOURCE_LIMITS,
  })
  // Errors are for whoever asks; one that comes between two questions must not end the process.
  worker.on('error', () => undefined)
  worker.unref()
  return worker
}

/** @throws MlsRefused('too-costly') when time or memory runs out, and whatever else ends the worker. */
function ask(
  { worker, isReady }: Running,
  request: WelcomeRequest,
  timeoutMs: number,
): Promise<WelcomeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WelcomeAnswer>()
  const costly = () => reject(new MlsRefused('too-costly'))
  const failed = (error: NodeJS.ErrnoException) =>
    error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? costly() : reject(error)
  const ended = () => reject(new Error('the worker that opens welcomes has ended'))
  let timer: NodeJS.Timeout | undefined
  const startTimer = () => {
    timer = setTimeout(costly, timeoutMs)
  }
  const heard = (message: WorkerMessage) => (message.kind === 'ready' ? startTimer() : resolve(message))
  if (isReady) startTimer()
  worker.on('message', heard).on('error', failed).on('exit', ended)
  // Only what the worker needs: callers may pass records that hold more.
  const keyPackages = request.keyPackages.map(own => ({
    publicPackage: own.publicPackage,
    privatePackage: own.privatePackage,
  }))
  worker.postMessage({ welcome: request.welcome, keyPackages } satisfies WelcomeRequest)
  return promise.finally(() => {
    clearTimeout(timer)
    worker.off('message', heard).off('error', failed).off('exit', ended)
  })
}
