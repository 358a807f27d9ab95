// Every answer about a handle is held against the word that the server has signed for it: one without is taken for none.
// So a server that tells different things to different people, or at different times, leaves a proof of it with them.

import { create } from '@bufbuild/protobuf'
import type { SignedDirectoryStatement } from '../../../gen/parley/v1/directory_pb.js'
import {
  type ClaimOutcome,
  ClaimOutcomeSchema,
  type KeyExchanged,
  KeyExchangedSchema,
  type LookupOutcome,
  LookupOutcomeSchema,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { IdentityError } from '../../protocol/error.js'
import { readDeviceList } from '../../protocol/identity/device-list.js'
import { readDirectoryStatement, saysOfList } from '../../protocol/identity/directory-statement.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { CLOCK_SLACK_MS } from '../../protocol/time.js'
import type { AnswerFault } from '../codes/notice.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { KeyExchangeParts } from '../line/connection.js'
import { loadServer } from './server-record.js'

/** Answers that were dropped for one reason. */
interface DroppedAnswers {
  why: AnswerFault
  /** The first of them is about this one. */
  handle: string
  count: number
}

interface CheckedAnswer {
  answer: KeyExchanged
  dropped: DroppedAnswers[]
}

/** An answer about one handle. */
interface Answer {
  /** As it was asked for. */
  asked: string
  handle: string
  /** The encoded list that it comes with; undefined for the answer that there is none. */
  shown: Uint8Array | undefined
  statement?: SignedDirectoryStatement | undefined
}

type CheckParts = Pick<Context, 'clock' | 'records'>
type Asked = Pick<KeyExchangeParts, 'claimHandles' | 'lookupHandles'>

/** Checks each answer about a handle; those that were dropped have no outcome. Answers that nobody asked for go, too. */
export function checkAnswers(
  parts: CheckParts,
  answer: KeyExchanged,
  { claimHandles = [], lookupHandles = [] }: Asked,
): CheckedAnswer {
  const faults: { why: AnswerFault; handle: string }[] = []
  const holds = (given: Answer) => {
    const why = faultOf(parts, given)
    if (why) faults.push({ why, handle: given.asked })
    return why === undefined
  }
  const lookups = answer.lookups.slice(0, lookupHandles.length).map((each, index) => {
    const { handle, outcome } = each
    const shown = outcome.case === 'devices' ? outcome.value.deviceList : undefined
    const isTaken = !says(outcome) || holds({ ...each, shown, asked: lookupHandles[index]! })
    return isTaken ? each : create(LookupOutcomeSchema, { handle })
  })
  const claims = answer.claims.slice(0, claimHandles.length).map((each, index) => {
    const { handle, outcome } = each
    const shown = outcome.case === 'devices' ? (outcome.value.account?.deviceList ?? NOTHING) : undefined
    const isTaken = !says(outcome) || holds({ ...each, shown, asked: claimHandles[index]! })
    return isTaken ? each : create(ClaimOutcomeSchema, { handle })
  })
  return { answer: create(KeyExchangedSchema, { ...answer, lookups, claims }), dropped: grouped(faults) }
}

const NOTHING = new Uint8Array()

/** Whether it says whose a handle is, or that it is nobody's. */
const says = (outcome: ClaimOutcome['outcome'] | LookupOutcome['outcome']): boolean =>
  outcome.case === 'devices' || outcome.case === 'unknown'

function faultOf(
  { clock, records }: CheckParts,
  { asked, handle, shown, statement }: Answer,
): AnswerFault | undefined {
  if (asked !== handle) return 'other-answer'
  // The server signs nothing about a text that is no handle.
  if (!isHandle(handle)) return undefined
  const server = loadServer(records)
  if (!server || !statement) return 'not-signed'
  const said = whole(() => readDirectoryStatement(crypto, statement, server.directoryKey))
  if (!said || !equalBytes(said.serverId, server.serverId)) return 'not-signed'
  if (Math.abs(said.time - clock.now()) > CLOCK_SLACK_MS) return 'other-time'
  const list = shown && whole(() => readDeviceList(crypto, shown))
  const isWhole = shown === undefined || list !== undefined
  return isWhole && said.handle === handle && saysOfList(said, list) ? undefined : 'other-answer'
}

/** undefined for what nobody would take. */
function whole<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}

function grouped(faults: readonly { why: AnswerFault; handle: string }[]): DroppedAnswers[] {
  const groups = new Map<AnswerFault, DroppedAnswers>()
  for (const { why, handle } of faults) {
    const known = groups.get(why)
    groups.set(why, { why, handle: known?.handle ?? handle, count: (known?.count ?? 0) + 1 })
  }
  return [...groups.values()]
}
