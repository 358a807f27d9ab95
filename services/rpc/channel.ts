// How a program calls a server. The interface that callers program against, whatever carries the calls: gRPC over
// TLS (`node/client.ts`), or a service of the same process.

import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'

export interface UnaryOptions {
  /** Cancels the call. */
  signal?: AbortSignal
  /** From now; afterwards the call fails with DEADLINE_EXCEEDED. Default: no end. */
  timeoutMs?: number
}

export interface BidiOptions {
  /** Cancels the call. */
  signal?: AbortSignal
}

export interface RpcChannel {
  /** One request, one answer. Throws RpcError. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: UnaryOptions,
  ): Promise<MessageShape<O>>
  /** Opens a stream. That it cannot be opened shows in its writes and its responses. */
  bidi<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    options?: BidiOptions,
  ): BidiCall<I, O>
  /** Closes the connection and cancels the calls under way. */
  close(): void
}

export interface BidiCall<I extends DescMessage, O extends DescMessage> {
  /** Resolves when the stream takes the next message. Rejects with RpcError once the call is over. */
  write(message: MessageInitShape<I>): Promise<void>
  /** Ends this side; the responses go on. */
  end(): void
  /**
   * To be iterated once. Ends after an OK, throws RpcError otherwise; to stop early cancels the
   * call. Messages that came before the end are given out first.
   */
  responses: AsyncIterable<MessageShape<O>>
}

/** Which certificate of a server to accept. */
export type Trust =
  /** Exactly this leaf (PEM), whatever its names, its issuer and its dates: it was seen and accepted. */
  | { kind: 'pinned'; certificate: string }
  /** One for this host name, issued by one of these roots (PEM; default: the system's). */
  | { kind: 'authority'; roots?: string }

/** The certificate that a server showed. */
export interface SeenCertificate {
  /** PEM of the leaf. */
  certificate: string
  /** SHA-256 (32 bytes) of its SubjectPublicKeyInfo (DER): a server's name in proofs. */
  fingerprint: Uint8Array
  /** Whether its chain and its host name verify against the roots. */
  authority: boolean
  notAfter: Date
}

export interface ProbeOptions {
  /** A name, an IPv4 or an IPv6 address (without brackets). */
  host: string
  port: number
  /** Default 10 s. */
  timeoutMs?: number
  signal?: AbortSignal
  /** PEM; default: the system's. */
  roots?: string
}

export interface ConnectOptions {
  /** A name, an IPv4 or an IPv6 address (without brackets). */
  host: string
  port: number
  trust: Trust
  /** Of one message, both ways. */
  maxMessageBytes: number
}

/** The ways to servers. */
export interface Dialer {
  /** Sees which certificate a server has, whatever it is; sends nothing. Throws ProbeError, or the signal's reason. */
  probe(options: ProbeOptions): Promise<SeenCertificate>
  /**
   * A channel to a server. Connects at the first call; a call fails with UNAVAILABLE at once when there is no
   * connection to be had (its cause is CertificateRefused where that is why), and nothing is ever sent twice.
   */
  connect(options: ConnectOptions): RpcChannel
}
