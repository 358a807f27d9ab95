import * as grpc from '@grpc/grpc-js'
import { ERROR_DETAIL_TRAILER, type RpcCode, RpcError } from '../error.js'

/** Characters. A status travels in HTTP/2 trailers, which peers bound at 8 KiB and more. */
const MESSAGE_CHARACTERS = 1000

const DEFECT = new RpcError('INTERNAL', 'internal error')

/** The status that a server ends a call with, in the words of grpc-js. */
interface EndStatus {
  code: grpc.status
  details: string
  metadata: grpc.Metadata
}

/** Anything thrown, as an RpcError to show to the peer: what is not one already says nothing. */
export function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError ? error : DEFECT
}

export function toStatus(error: RpcError): EndStatus {
  const metadata = new grpc.Metadata()
  if (error.detail !== undefined) metadata.set(ERROR_DETAIL_TRAILER, Buffer.from(error.detail))
  // grpc-js percent-encodes the text with encodeURI, which throws on half a surrogate pair.
  const details = error.message.slice(0, MESSAGE_CHARACTERS).toWellFormed()
  return { code: grpc.status[error.code], details, metadata }
}

/** The error that a status of the peer (or of the transport) stands for. */
export function fromStatus(status: grpc.StatusObject): RpcError {
  const detail = status.metadata.get(ERROR_DETAIL_TRAILER)[0]
  return new RpcError(
    codeOf(status.code),
    status.details,
    detail instanceof Uint8Array ? { detail: Uint8Array.from(detail) } : {},
  )
}

/** A peer may send a number that no code stands for. */
function codeOf(code: number): RpcCode {
  const name = grpc.status[code]
  return name === undefined || name === 'OK' ? 'UNKNOWN' : (name as RpcCode)
}
