// The open requests to rejoin of a group, and those that a commit rests on. It carries them (CommitBasis of proto/parley/content/v1/chain.proto), so
// that those who came after a request judge the commit as everybody else does.

import { fromBinary } from '@bufbuild/protobuf'
import { type RejoinRequest, RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { decodeBasis, EMPTY_BASIS, encodeBasis } from '../../protocol/conversation/commit-basis.js'
import { countsInEpoch, verifyRejoin } from '../../protocol/conversation/rejoin-request.js'
import type { DeviceKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'

/** The authenticated data of a commit that rests on these requests, each encoded. */
export const rejoinBasis = (requests: readonly Uint8Array[]): Uint8Array =>
  requests.length > 0 ? encodeBasis({ ...EMPTY_BASIS, rejoins: requests }) : new Uint8Array()

/** The devices that ask for it by the requests that a commit of this epoch carries. Never throws. */
export function devicesAsking(
  { conversationId, epoch }: { conversationId: Uint8Array; epoch: bigint },
  authenticatedData: Uint8Array,
): DeviceKey[] {
  const { rejoins } = decodeBasis(authenticatedData) ?? EMPTY_BASIS
  return rejoins.flatMap(bytes => {
    const request = decodeRequest(bytes)
    const counts =
      request && countsInEpoch(request, epoch) && verifyRejoin(crypto, { conversationId, request })
    return counts ? [request.deviceId as DeviceKey] : []
  })
}

/** undefined for bytes that are none. */
function decodeRequest(bytes: Uint8Array): RejoinRequest | undefined {
  try {
    return fromBinary(RejoinRequestSchema, bytes)
  } catch {
    return undefined
  }
}

/** The open requests that are not of these devices. */
export const withoutRequests = (
  requests: readonly Uint8Array[],
  devices: readonly DeviceKey[],
): Uint8Array[] => requests.filter(bytes => !devices.some(device => isOf(bytes, device)))

/** The open request of a device, encoded, if a commit that is made now may rest on it. */
export function requestOf(
  { engine }: Pick<GroupParts, 'engine'>,
  { record, state }: LiveGroup,
  device: DeviceKey,
): Uint8Array | undefined {
  const bytes = record.rejoinRequests.find(request => isOf(request, device))
  const request = bytes && decodeRequest(bytes)
  return request && countsInEpoch(request, engine.epoch(state)) ? bytes : undefined
}

function isOf(bytes: Uint8Array, device: DeviceKey): boolean {
  const request = decodeRequest(bytes)
  return request !== undefined && equalBytes(request.deviceId, device)
}
