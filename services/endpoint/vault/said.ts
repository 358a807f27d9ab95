// The codes of the history as its records have them. The compiler holds the lists of codes to the oneofs.

import {
  SendFailure as Failed,
  type SystemMessage as Said,
  type Unreadable as Why,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { SystemMessage } from '../codes/system-message.js'
import type { Unreadable } from '../codes/unreadable.js'
import { codedOf, oneofOf } from './coded.js'
import type { Stored } from './records/schemas.js'

export type Known<T extends { code: string }> = Exclude<T, { code: 'newer' }>

export const systemRecord = (said: Known<SystemMessage>) => ({ what: oneofOf<Said['what']>(said) })

export const unreadableRecord = (why: Known<Unreadable>) => ({ why: oneofOf<Why['why']>(why) })

export function systemMessageOf(record: Stored<Said> | undefined): SystemMessage {
  return codedOf(record?.what as Said['what'] | undefined) ?? { code: 'newer' }
}

/** The engine's causes are kept as they are called. */
export function unreadableOf(record: Stored<Why> | undefined): Unreadable {
  return (codedOf(record?.why) as Unreadable | undefined) ?? { code: 'newer' }
}

const FAILURES: Record<SendFailure, Failed> = {
  'too-large': Failed.TOO_LARGE,
  malformed: Failed.MALFORMED,
  'not-in-room': Failed.NOT_IN_ROOM,
  uncertain: Failed.UNCERTAIN,
}

export const failureRecord = (failure: SendFailure): Failed => FAILURES[failure]

export function failureOf(record: Failed): SendFailure | undefined {
  return (Object.keys(FAILURES) as SendFailure[]).find(failure => FAILURES[failure] === record)
}
