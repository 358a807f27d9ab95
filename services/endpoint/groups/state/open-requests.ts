// The open requests to rejoin of a group.

import { readRejoinStatement, rejoinFault } from '../../../protocol/conversation/rejoin-statement.js'
import { crypto } from '../../crypto.js'
import { type DeviceKey, sameKey } from '../../ids.js'
import type { LiveGroup } from './groups.js'

/** The open requests that are not of these devices. */
export const withoutRequests = (
  requests: readonly Uint8Array[],
  devices: readonly DeviceKey[],
): Uint8Array[] => requests.filter(bytes => !devices.some(device => isOf(bytes, device)))

/** The open request of a device, encoded, if a commit that is made now may rest on it. */
export function requestOf({ record, held }: LiveGroup, device: DeviceKey): Uint8Array | undefined {
  const bytes = record.rejoinRequests.find(request => isOf(request, device))
  const request = bytes && readRejoinStatement(crypto, bytes)
  return request && !rejoinFault(crypto, held, request) ? bytes : undefined
}

const isOf = (bytes: Uint8Array, device: DeviceKey): boolean => {
  const request = readRejoinStatement(crypto, bytes)
  return request !== undefined && sameKey(request.deviceKey, device)
}
