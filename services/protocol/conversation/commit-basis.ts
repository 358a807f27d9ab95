// The grounds of a commit besides the group (CommitBasis in proto/parley/content/v1/chain.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { CommitBasisSchema } from '../../../gen/parley/content/v1/chain_pb.js'
import { MAX_BASIS_BYTES, MAX_BASIS_LISTS, MAX_BASIS_REJOINS, MAX_BASIS_REMOVALS } from './limits.js'

/** All of it encoded, as it came; nothing is verified. */
export interface CommitBasis {
  /** SignedDeviceLists. */
  lists: readonly Uint8Array[]
  /** SignedDeviceRemovals. */
  removals: readonly Uint8Array[]
  /** SignedRejoinStatements. */
  rejoins: readonly Uint8Array[]
}

/** The authenticated_data of a commit; empty where it rests on nothing. */
export function encodeBasis({ lists, removals, rejoins }: CommitBasis): Uint8Array {
  return toBinary(
    CommitBasisSchema,
    create(CommitBasisSchema, { lists: [...lists], removals: [...removals], rejoins: [...rejoins] }),
  )
}

/** undefined for what nobody has to read: it does not decode, or there is too much of it. Never throws. */
export function decodeBasis(bytes: Uint8Array): CommitBasis | undefined {
  if (bytes.length > MAX_BASIS_BYTES) return undefined
  try {
    const { lists, removals, rejoins } = fromBinary(CommitBasisSchema, bytes)
    const isBounded =
      lists.length <= MAX_BASIS_LISTS &&
      removals.length <= MAX_BASIS_REMOVALS &&
      rejoins.length <= MAX_BASIS_REJOINS
    return isBounded ? { lists, removals, rejoins } : undefined
  } catch {
    return undefined
  }
}

/** The values of an MLSMessage that holds a PrivateMessage (RFC 9420, section 6): version mls10, wire format. */
const VERSION = 1
const PRIVATE_MESSAGE = 2
const EPOCH_AND_CONTENT_TYPE_BYTES = 9

/**
 * The basis in an encoded commit, of which it is the part that is not encrypted; undefined for what is no PrivateMessage
 * with one. Nothing is verified: members read the same bytes after MLS has. Never throws.
 */
export function basisOfCommit(commit: Uint8Array): CommitBasis | undefined {
  const view = new DataView(commit.buffer, commit.byteOffset, commit.byteLength)
  try {
    if (view.getUint16(0) !== VERSION || view.getUint16(2) !== PRIVATE_MESSAGE) return undefined
    const groupId = vectorAt(view, 4)
    const basis = vectorAt(view, groupId.end + EPOCH_AND_CONTENT_TYPE_BYTES)
    return basis.end > commit.length ? undefined : decodeBasis(commit.subarray(basis.start, basis.end))
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Where a vector's content is: its length comes before it, in 1, 2 or 4 bytes (section 2.1.2). Throws RangeError. */
function vectorAt(view: DataView, at: number): { start: number; end: number } {
  const width = view.getUint8(at) >> 6
  if (width === 0) return { start: at + 1, end: at + 1 + view.getUint8(at) }
  if (width === 1) return { start: at + 2, end: at + 2 + (view.getUint16(at) & 0x3fff) }
  if (width === 2) return { start: at + 4, end: at + 4 + (view.getUint32(at) & 0x3fff_ffff) }
  throw new RangeError('no length of a vector')
}
