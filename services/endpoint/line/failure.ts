// The failures of the line, and whether to try again.

import { fromBinary } from '@bufbuild/protobuf'
import { type ErrorDetail, ErrorDetailSchema, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import type { RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import { dateOf } from '../../protocol/time.js'
import { ProbeError, RpcError } from '../../rpc/error.js'
import type { DownCause } from '../codes/line-cause.js'
import { LineDown, LineStopped } from '../codes/line-error.js'

/** Why the line is down. Throws LineStopped where trying again does not help. */
export function explainFailure(error: unknown, now: number): DownCause {
  if (error instanceof LineStopped) throw error
  if (error instanceof ProbeError) return { code: 'unreachable', address: error.address, why: error.reason }
  if (error instanceof LineDown) return error.why
  if (error instanceof RpcError) return explainStatus(error, now)
  throw error
}

function explainStatus(error: RpcError, now: number): DownCause {
  const detail = readDetail(error)
  if (detail?.reason === ErrorReason.PROTOCOL_VERSION)
    throw new LineStopped({ code: 'protocol-version', message: error.message })
  if (detail?.reason === ErrorReason.REVOKED) return { code: 'said-revoked' }
  if (detail?.reason === ErrorReason.BANNED) throw new LineStopped({ code: 'banned' })
  if (detail?.reason === ErrorReason.CLOCK) return clockOff(detail, now)
  if (error.code === 'DEADLINE_EXCEEDED') return { code: 'no-answer' }
  return { code: 'call-failed', status: error.code, message: error.message }
}

function clockOff({ serverTimeMs }: ErrorDetail, now: number): DownCause {
  const serverTime = dateOf(serverTimeMs)
  return { code: 'clock', offsetMs: now - serverTime.getTime(), serverTime }
}

/** The server did not give the cursor that it was given: from the beginning, everything comes again. */
export const isBadCursor = (error: unknown): boolean =>
  error instanceof RpcError && readDetail(error)?.reason === ErrorReason.BAD_CURSOR

function readDetail({ detail }: RpcError): ErrorDetail | undefined {
  if (!detail) return undefined
  try {
    return fromBinary(ErrorDetailSchema, detail)
  } catch {
    return undefined
  }
}

/** The server does not register this device: always for a person to decide. */
export function registrationRefused({ reason }: RegistrationRefused, handle: string): LineStopped {
  switch (reason.case) {
    case 'handleTaken':
      return new LineStopped({ code: 'handle-taken', handle })
    case 'handleReserved':
      return new LineStopped({ code: 'handle-reserved', handle })
    case 'handleInvalid':
      return new LineStopped({ code: 'handle-invalid', handle, rule: reason.value.rule })
    case 'tooManyDevices':
      return new LineStopped({ code: 'too-many-devices', limit: reason.value.limit })
    case 'inviteNeeded':
      return new LineStopped({ code: 'invite-needed' })
    case 'inviteInvalid':
      return new LineStopped({ code: 'invite-invalid' })
    case 'registrationClosed':
      return new LineStopped({ code: 'registration-closed' })
    case 'banned':
      return new LineStopped({ code: 'banned' })
    case 'deviceRevoked':
      return new LineStopped({ code: 'left-out', handle })
    case 'notListed':
    case 'listNotNewer':
      return new LineStopped({ code: 'not-listed', handle })
    default:
      return new LineStopped({ code: 'not-registered', handle })
  }
}
