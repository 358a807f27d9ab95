import { create, toBinary } from '@bufbuild/protobuf'
import { ErrorDetailSchema, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { type RpcCode, RpcError } from '../../rpc/error.js'
import { StorageFullError } from '../store/store.js'

/** A status with the contract's ErrorDetail, which names the reason and tells the server's time. */
export function failure(code: RpcCode, reason: ErrorReason, message: string, nowMs = Date.now()): RpcError {
  const detail = create(ErrorDetailSchema, { reason, serverTimeMs: BigInt(nowMs) })
  return new RpcError(code, message, { detail: toBinary(ErrorDetailSchema, detail) })
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
