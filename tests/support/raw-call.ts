// gRPC by hand over HTTP/2: what no client of ours would send.

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { gzipSync } from 'node:zlib'

/** A connection to a server whose certificate nobody looks at. */
export function rawSession(port: number): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  return session
}

/** The end of a call: its status, in numbers and names of gRPC, or how the stream was closed. */
interface RawEnd {
  status: string | undefined
  /** Header fields and trailers. */
  fields: Record<string, unknown>
  closed: number | undefined
}

interface RawCall {
  stream: ClientHttp2Stream
  ended: Promise<RawEnd>
}

export function rawCall(session: ClientHttp2Session, path: string, headers = {}): RawCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  const fields: Record<string, unknown> = {}
  stream.on('response', more => void Object.assign(fields, more))
  stream.on('trailers', more => void Object.assign(fields, more))
  stream.on('error', () => undefined)
  stream.resume()
  const ended = new Promise<RawEnd>(resolve => {
    const settle = () => {
      const status = fields['grpc-status']
      resolve({ status: status === undefined ? undefined : String(status), fields, closed: stream.rstCode })
    }
    stream.on('end', settle)
    stream.on('close', settle)
  })
  return { stream, ended }
}

interface Framing {
  compressed?: number
  /** The length that the frame says, whatever it has. */
  length?: number
}

/** A message as gRPC frames it. */
export function framed(bytes: Uint8Array, { compressed = 0, length = bytes.length }: Framing = {}): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(compressed, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, bytes])
}

export const gzipped = (bytes: Uint8Array): Buffer => framed(gzipSync(bytes), { compressed: 1 })

/** An encoded message that has one field, of a length of zero, over and over. */
export function emptyFields(number: number, bytes: number): Buffer {
  return Buffer.alloc(bytes - (bytes % 2), Buffer.of((number << 3) | 2, 0))
}
