// The sealed bytes: an encoded Content, padded (proto/parley/content/v1).

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Content, ContentSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { unpad } from '../../../protocol/content/padding.js'
import { TEXT_BYTES } from '../../../protocol/sizes.js'
import { Refusal } from '../../codes/refusal.js'

/** Throws Refusal for a text that is over the limit. */
export function checkText(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > TEXT_BYTES) throw new Refusal({ code: 'text-too-long', bytes, limit: TEXT_BYTES })
}

export function encodeContent(content: MessageInitShape<typeof ContentSchema>): Uint8Array {
  return toBinary(ContentSchema, create(ContentSchema, content))
}

/** The content; undefined when the padding or the encoding is not what the contract says. */
export function decodeContent(padded: Uint8Array): Content | undefined {
  const content = unpad(padded)
  try {
    return content && fromBinary(ContentSchema, content)
  } catch {
    return undefined
  }
}
