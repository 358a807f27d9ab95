// In the process: what a test asks is answered.

import { deserialize } from 'node:v8'
import { type Call, type FromProcess, GIVEN, type Result, type Thrown } from './messages.js'

export const givenHere = <T>(): T => deserialize(Buffer.from(process.env[GIVEN] ?? '', 'base64'))

export const post = (message: FromProcess): void => void process.send?.(message)

/** `own`: in the places of methods, or beside them. */
export function answerCalls(controlled: object, own: Readonly<Record<string, () => unknown>>): void {
  process.on('message', ({ id, method, parameters }: Call) => {
    const result = resultOf(() => {
      const called: unknown = own[method] ?? Reflect.get(controlled, method)
      if (typeof called !== 'function') throw new TypeError(`there is no ${method}`)
      return called.apply(controlled, parameters)
    })
    const promise = 'value' in result && result.value instanceof Promise ? result.value : undefined
    post({ kind: 'answer', id, result: promise ? 'later' : result })
    promise?.then(
      (value: unknown) => post({ kind: 'settled', id, result: { value } }),
      (error: unknown) => post({ kind: 'settled', id, result: { thrown: thrownOf(error) } }),
    )
  })
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
