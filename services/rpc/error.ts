/** The codes that a call can fail with: https://grpc.io/docs/guides/status-codes (OK is not a failure). */
export type RpcCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'

/** The binary trailer that carries RpcError.detail. */
export const ERROR_DETAIL_TRAILER = 'parley-error-bin'

/**
 * The only error class that crosses the wire, in both directions.
 *
 * The code, the message and the detail (bytes of a typed message) are sent; the cause never is.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: RpcCode
  readonly detail: Uint8Array | undefined

  constructor(code: RpcCode, message: string, options: { detail?: Uint8Array; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.detail = options.detail
  }
}

/**
 * The server was reached, but its certificate is not the one to trust. It is the cause of the
 * RpcError (UNAVAILABLE) that a call then fails with, so that a client can tell it from a line that
 * is down: trying again does not help.
 */
export class CertificateRefused extends Error {
  override readonly name = 'CertificateRefused'
}

export type ProbeReason =
  /** Nothing listens there. */
  | 'refused'
  | 'unreachable'
  /** The name is not known. */
  | 'not-found'
  | 'not-tls'
  /** It speaks TLS, but not HTTP/2. */
  | 'not-grpc'
  | 'timeout'

/** Why no certificate could be seen. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError'

  /** `address`: HOST:PORT. */
  constructor(
    readonly reason: ProbeReason,
    readonly address: string,
    options?: ErrorOptions,
  ) {
    super(`${address}: ${reason}`, options)
  }
}
