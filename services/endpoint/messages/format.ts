// What is sealed: an encoded Content, padded so that its length tells a bucket and no more
// (proto/parley/content/v1).

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Content, ContentSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { Refusal } from '../codes/refusal.js'

/** Bytes of UTF-8. */
export const TEXT_LIMIT_BYTES = 64 * 1024
/** Bytes: buckets are this, doubled up to CONTENT_BUCKET_MAX. */
const CONTENT_BUCKET_MIN = 256
const CONTENT_BUCKET_MAX = 128 * 1024
const PAD_START = 0x80

/** Throws Refusal for a text that is over the limit. */
export function checkText(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > TEXT_LIMIT_BYTES) throw new Refusal({ code: 'text-too-long', bytes, limit: TEXT_LIMIT_BYTES })
}

export function encodeContent(content: MessageInitShape<typeof ContentSchema>): Uint8Array {
  return toBinary(ContentSchema, create(ContentSchema, content))
}

/** ISO/IEC 7816-4: 0x80, then zeros up to the bucket. */
export function pad(content: Uint8Array): Uint8Array {
  let bucket = CONTENT_BUCKET_MIN
  while (bucket < content.length + 1) bucket *= 2
  if (bucket > CONTENT_BUCKET_MAX) throw new RangeError('content is over the largest bucket')
  const padded = new Uint8Array(bucket)
  padded.set(content)
  padded[content.length] = PAD_START
  return padded
}

/** The content; undefined when the padding or the encoding is not what the contract says. */
export function decodeContent(padded: Uint8Array): Content | undefined {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end--
  if (end < 0 || padded[end] !== PAD_START) return undefined
  try {
    return fromBinary(ContentSchema, padded.subarray(0, end))
  } catch {
    return undefined
  }
}
