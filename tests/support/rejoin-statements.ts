// Rejoin statements as a server sees them, which does not look at signatures.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { RejoinStatementSchema, type SignedRejoinStatementSchema } from '../../gen/parley/v1/rejoin_pb.js'

export interface StatementFields {
  groupId?: Uint8Array
  deviceKey?: Uint8Array
  nonce?: Uint8Array
  blindedHead?: Uint8Array
  signature?: Uint8Array
  /** In place of an encoded statement of those. */
  statement?: Uint8Array
}

export function statementInit({
  groupId = new Uint8Array(16).fill(1),
  deviceKey = new Uint8Array(32).fill(2),
  nonce = new Uint8Array(16).fill(3),
  blindedHead = new Uint8Array(32).fill(4),
  signature = new Uint8Array(64).fill(5),
  statement = toBinary(
    RejoinStatementSchema,
    create(RejoinStatementSchema, {
      ...{ groupId, incarnation: 1, blindedHead, nonce, lastEpoch: 1n, deviceKey },
    }),
  ),
}: StatementFields = {}): Exclude<
  MessageInitShape<typeof SignedRejoinStatementSchema>,
  { $typeName: string }
> {
  return { statement, signature }
}
