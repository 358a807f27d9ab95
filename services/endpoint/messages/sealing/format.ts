// The sealed bytes: an encoded Content, padded (proto/parley/content/v1).

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Content, ContentSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { unpad } from '../../../protocol/content/padding.js'
import type { Count } from '../../ids.js'

export function encodeContent(content: MessageInitShape<typeof ContentSchema>): Uint8Array {
  return toBinary(ContentSchema, create(ContentSchema, content))
}

/** A content with its count, and that of what it says again. */
export type Counted = Content & { readonly count: Count; readonly resentCount: Count }

/** The content; undefined when the padding or the encoding is not what the contract says. */
export function decodeContent(padded: Uint8Array): Counted | undefined {
  const content = unpad(padded)
  try {
    return content && counted(content)
  } catch {
    return undefined
  }
}

/** As `encodeContent` has it. Throws for bytes that are none. */
export const counted = (content: Uint8Array): Counted => fromBinary(ContentSchema, content) as Counted
