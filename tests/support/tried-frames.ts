// How a test finds out what a server makes of messages that are tried.

import type { DescMessage } from '@bufbuild/protobuf'
import { RpcError } from '../../services/rpc/error.js'
import { acceptedTo, rejections } from './contract-envelopes.js'
import type { Outgoing, RequestInit, TestStream } from './contract-stream.js'
import { edgesOf } from './field-rules.js'

export type Fields = Record<string, unknown>

/** A stream of anna's, and a conversation that she has just created. */
export interface Place {
  stream: TestStream
  id: Uint8Array
}

export interface Subject {
  schema: DescMessage
  /** All of it is right. */
  right(place: Place): Fields
  /** In the place of generated ones, where a field has to fit to the others. */
  values?: Record<string, (right: Fields) => unknown[]>
  /** The message with the fields that follow from the others. */
  complete?(fields: Fields, place: Place): Fields
  isTaken(fields: Fields, place: Place): Promise<boolean>
}

const REFUSALS = ['INVALID_ARGUMENT', 'FAILED_PRECONDITION']

/** Whether a call that was refused was refused for what is in it. */
function isRefusal(error: unknown): boolean {
  if (error instanceof RpcError && REFUSALS.includes(error.code)) return true
  throw error
}

/** Writes what has no answer but the end of the stream; whether the stream goes on. */
export async function goesOn(stream: TestStream, request: RequestInit): Promise<boolean> {
  await stream.write(request)
  await stream.write({ frame: { case: 'ping', value: { nonce: 7n } } })
  return await stream.take('pong').then(
    () => true,
    error => !isRefusal(error),
  )
}

/** Sends one envelope; whether it is stored. */
export async function isStored({ stream }: Place, outgoing: Outgoing): Promise<boolean> {
  const number = stream.next
  const numbered = { ...outgoing, clientSequence: outgoing.clientSequence ?? number }
  await stream.write({ frame: { case: 'send', value: { envelopes: [numbered] } } })
  const isAnswered = () => acceptedTo(stream) >= number || rejections(stream).has(number)
  const isOpen = await stream.until(isAnswered).then(
    () => true,
    error => !isRefusal(error),
  )
  if (!isOpen || acceptedTo(stream) >= number) return isOpen
  const { case: reason } = rejections(stream).get(number)!
  if (reason === 'malformed') return false
  throw new Error(`it was rejected as ${reason}`)
}

/** Whether a call is answered. */
export const isAnswered = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    error => !isRefusal(error),
  )

/** The messages to try for one field: each in a place of its own, since one that is taken changes it. */
export async function* tries(
  { schema, right, values, complete }: Subject,
  field: string,
  newPlace: () => Promise<Place>,
) {
  for (let index = 0; ; index++) {
    const place = await newPlace()
    const fields = right(place)
    const tried = values?.[field]?.(fields) ?? edgesOf(schema, field, fields[field])
    if (index === tried.length) return
    const changed =
      field === '' ? { ...fields, ...(tried[index] as Fields) } : { ...fields, [field]: tried[index] }
    yield { message: complete?.(changed, place) ?? changed, place }
  }
}
