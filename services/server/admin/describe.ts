// Anybody may ask for this, before they register.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { type GetServerResponseSchema, RegistrationMode } from '../../../gen/parley/v1/chat_pb.js'
import { PROTOCOL_VERSION } from '../../protocol/method.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import { keyPairOf } from '../../protocol/signature.js'
import { CIPHER_SUITE } from '../../protocol/sizes.js'
import { limitsMessage } from '../chat/frames.js'
import type { RelayLimits } from '../limits.js'
import type { Registration, Store } from '../store/store.js'

interface DescribeOptions {
  store: Pick<Store, 'directoryKey' | 'serverId'>
  registration: Registration
  operatorHandle: string
  limits: RelayLimits
  /** Milliseconds since 1970. */
  now(): number
}

const MODES: Record<Registration, RegistrationMode> = {
  open: RegistrationMode.OPEN,
  invite: RegistrationMode.INVITE,
  closed: RegistrationMode.CLOSED,
}

/** The handler of GetServer. */
export function createDescribe(
  options: DescribeOptions,
): () => Promise<MessageInitShape<typeof GetServerResponseSchema>> {
  const { store, registration, operatorHandle, limits, now } = options
  const { publicKey: directoryKey } = keyPairOf(nodeCrypto, store.directoryKey)
  return async () => ({
    serverId: store.serverId,
    lowestProtocolVersion: PROTOCOL_VERSION,
    highestProtocolVersion: PROTOCOL_VERSION,
    serverTimeMs: BigInt(now()),
    registration: MODES[registration],
    operatorHandle,
    limits: limitsMessage(limits),
    cipherSuites: [CIPHER_SUITE],
    directoryKey,
  })
}
