import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ErrorDetailSchema, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { type RpcCode, RpcError } from '../../rpc/error.js'
import { StorageFullError } from '../store/store.js'

/** A status with the contract's ErrorDetail, which names the reason and tells the server's time. */
export function failure(code: RpcCode, reason: ErrorReason, message: string, nowMs = Date.now()): RpcError {
  return new RpcError(code, message, { detail: encodeDetail({ reason, serverTimeMs: BigInt(nowMs) }) })
}

function encodeDetail(detail: MessageInitShape<typeof ErrorDetailSchema>): Uint8Array {
  return toBinary(ErrorDetailSchema, create(ErrorDetailSchema, detail))
}

/** The reasons of statuses that the transport ends a call with. Those left out have nothing more to say. */
const TRANSPORT_REASONS: Partial<Record<RpcCode, ErrorReason>> = {
  INVALID_ARGUMENT: ErrorReason.FRAME,
  RESOURCE_EXHAUSTED: ErrorReason.TOO_LARGE,
  DEADLINE_EXCEEDED: ErrorReason.LATE,
  UNIMPLEMENTED: ErrorReason.UNSUPPORTED,
  UNAVAILABLE: ErrorReason.STOPPING,
  INTERNAL: ErrorReason.DEFECT,
}

/** The ErrorDetail of a status that comes without one. */
export function transportDetail(code: RpcCode): Uint8Array | undefined {
  const reason = TRANSPORT_REASONS[code]
  return reason === undefined ? undefined : encodeDetail({ reason, serverTimeMs: BigInt(Date.now()) })
}

/** Too much of something from one address or of one account: `what` names it. */
export function rateLimited(what: string, retryAfterMs: number, nowMs = Date.now()): RpcError {
  const detail = { reason: ErrorReason.RATE_LIMITED, serverTimeMs: BigInt(nowMs), retryAfterMs }
  return new RpcError('RESOURCE_EXHAUSTED', what, { detail: encodeDetail(detail) })
}

/** The client broke a rule of the contract: `what` says which frame or field, and how. */
export function frameFailure(what: string): RpcError {
  return failure('INVALID_ARGUMENT', ErrorReason.FRAME, what)
}

/** The error for a client when the store has failed; a defect stays as it is. */
export function storeFailure(error: unknown): unknown {
  if (!(error instanceof StorageFullError)) return error
  const message = "the server's disk is full: tell its operator, and try again later"
  return failure('RESOURCE_EXHAUSTED', ErrorReason.STORAGE_FULL, message)
}
