// The thread between a test and a process. A test waits for an answer as it would for something of its own,
// without going on; so somebody else has to hear the process.

import { spawn } from 'node:child_process'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Call, FromBridge, FromProcess } from './messages.js'

export interface BridgeOptions {
  command: string
  parameters: string[]
  environment: Record<string, string | undefined>
  answers: MessagePort
  /** One number, which is 1 as soon as there is an answer. */
  flag: SharedArrayBuffer
}

const { command, parameters, environment, answers, flag }: BridgeOptions = workerData
const hasAnswer = new Int32Array(flag)
const waiting = new Set<number>()
let said = ''
let isOver = false

const child = spawn(command, parameters, {
  env: environment,
  // The input stays open: a client stays.
  stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
  serialization: 'advanced',
})
child.stderr!.on('data', (chunk: Buffer) => {
  said = `${said}${chunk}`.slice(-4_000)
})

function tell(message: FromBridge): void {
  parentPort?.postMessage(message)
}

function answer(message: Extract<FromProcess, { kind: 'answer' }>): void {
  waiting.delete(message.id)
  answers.postMessage(message)
  Atomics.store(hasAnswer, 0, 1)
  Atomics.notify(hasAnswer, 0)
}

const answerThatItEnded = (id: number) =>
  answer({
    kind: 'answer',
    id,
    result: { thrown: { name: 'Error', message: `the process has ended: ${said}` } },
  })

child.on('message', (message: FromProcess) => {
  if (message.kind === 'answer') answer(message)
  else tell(message)
})
child.once('close', () => {
  isOver = true
  for (const id of waiting) answerThatItEnded(id)
  tell({ kind: 'ended', said })
})
parentPort?.on('message', (call: Call | 'kill') => {
  if (call === 'kill') return void child.kill('SIGKILL')
  if (isOver) return answerThatItEnded(call.id)
  waiting.add(call.id)
  child.send(call)
})
