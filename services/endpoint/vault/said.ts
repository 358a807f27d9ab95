// The codes of the history as its records have them. The compiler holds the lists of codes to the oneofs.

import {
  SendFailure as Failed,
  type SystemMessage as Said,
  type Unreadable as Why,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { SystemMessage } from '../codes/system-message.js'
import type { Unreadable } from '../codes/unreadable.js'
import type { AccountKey } from '../ids.js'
import { codedOf, oneofOf } from './coded.js'
import type { Stored } from './records/schemas.js'

type Known<T extends { code: string }> = Exclude<T, { code: 'newer' }>

export type KnownSystemMessage = Known<SystemMessage<AccountKey>>
export type KnownUnreadable = Known<Unreadable<AccountKey>>

export const systemRecord = (said: KnownSystemMessage) => ({
  what: oneofOf<Said['what']>(said) as Stored<Said>['what'],
})

export const unreadableRecord = (why: KnownUnreadable) => ({
  why: oneofOf<Why['why']>(why) as Stored<Why>['why'],
})

export function systemMessageOf(record: Stored<Said> | Said | undefined): SystemMessage<AccountKey> {
  const said = codedOf(record?.what as Said['what'] | undefined)
  return (said as KnownSystemMessage | undefined) ?? { code: 'newer' }
}

/** The engine's causes are kept as they are called. */
export function unreadableOf(record: Stored<Why> | Why | undefined): Unreadable<AccountKey> {
  return (codedOf(record?.why as Why['why'] | undefined) as KnownUnreadable | undefined) ?? { code: 'newer' }
}

const FAILURES: Record<SendFailure, Failed> = {
  'too-large': Failed.TOO_LARGE,
  malformed: Failed.MALFORMED,
  'not-in-room': Failed.NOT_IN_ROOM,
  uncertain: Failed.UNCERTAIN,
}

export const failureRecord = (failure: SendFailure): Failed => FAILURES[failure]
