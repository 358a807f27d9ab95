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

export const EMPTY_BASIS: CommitBasis = { lists: [], removals: [], rejoins: [] }

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
