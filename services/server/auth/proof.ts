// The proof of who calls. The checks are made in an order in which each fault gets its own reason, and a nonce is
// spent last, so that a proof that is refused for another cause costs the store nothing.

import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import type { SignedProof } from '../../../gen/parley/v1/identity_pb.js'
import type { ProvenMethod } from '../../protocol/method.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import {
  ProofError,
  type ProofExpectation,
  type ProofReason,
  type ProvenCall,
  readProof,
} from '../../protocol/proof.js'
import { NONCE_BYTES } from '../../protocol/sizes.js'
import type { RpcError } from '../../rpc/error.js'
import type { Blocked, DeviceId, Directory } from '../store/store.js'
import { failure, frameFailure, storeFailure } from './failure.js'

interface ProofRules {
  directory: Pick<Directory, 'device' | 'spendNonce'>
  /** SHA-256 of the SubjectPublicKeyInfo of the certificate that this server shows. */
  serverFingerprint: Uint8Array
  /** Milliseconds that a proof's time may be from the server's, to either side. */
  windowMs: number
  /** Milliseconds since 1970. */
  now?: () => number
}

export interface ProofClaim {
  signed: SignedProof | undefined
  method: ProvenMethod
  /** The bytes that the proof covers, as they came. */
  request: Uint8Array
}

/**
 * Checks the proofs of calls. Throws an RpcError: UNAUTHENTICATED with the reason and the server's time, or
 * INVALID_ARGUMENT where there is no readable proof.
 */
export class ProofCheck {
  constructor(private readonly rules: ProofRules) {}

  /** Both halves, for a call that only registered devices make. */
  async check(claim: ProofClaim): Promise<DeviceId> {
    return await this.admit(this.read(claim))
  }

  /** The first half: what was asked is what the holder of the key asks. From here on it may be looked at. */
  read({ signed, ...claimed }: ProofClaim): ProvenCall {
    if (signed === undefined) throw frameFailure('the call carries no proof')
    const { serverFingerprint: server, windowMs: window } = this.rules
    return provenCall(signed, { ...claimed, server, window, now: this.#now() })
  }

  /**
   * The second half: the device may call, and has not made this call before. With `mayBeNew` it need not be registered
   * yet, and whether it is blocked is an answer of the call.
   */
  async admit(proof: ProvenCall, { mayBeNew = false } = {}): Promise<DeviceId> {
    const { rules } = this
    const nowMs = this.#now()
    if (!mayBeNew) await checkDevice(rules.directory, proof.deviceKey, nowMs)
    await spend({ proof, rules, nowMs })
    return proof.deviceKey
  }

  #now(): number {
    return (this.rules.now ?? Date.now)()
  }
}

/** Rejects as a proof's check does, if the device is not registered, or blocked. */
export async function checkDevice(
  directory: Pick<Directory, 'device'>,
  id: DeviceId,
  nowMs = Date.now(),
): Promise<void> {
  const device = await directory.device(id)
  if (device === undefined) throw unknownDevice(nowMs)
  if (device.blocked !== undefined) throw blockedDevice(device.blocked, nowMs)
}

/** Looks at the proof alone. Throws the RpcError that the call ends with. */
function provenCall(signed: SignedProof, expected: ProofExpectation): ProvenCall {
  try {
    return readProof(nodeCrypto, signed, expected)
  } catch (error) {
    throw error instanceof ProofError ? proofFailure(error.reason, expected) : error
  }
}

function proofFailure(reason: ProofReason, { method, now }: ProofExpectation): RpcError {
  switch (reason) {
    case 'malformed':
      return frameFailure('proof: not an encoded Proof')
    case 'nonce':
      return frameFailure(`proof: the nonce has not ${NONCE_BYTES} bytes`)
    case 'signature':
      return refused(ErrorReason.SIGNATURE, "the proof's signature is not the device's", now)
    case 'other-server': {
      const what = 'the proof was made for another server: compare the fingerprint that this one shows'
      return refused(ErrorReason.OTHER_SERVER, what, now)
    }
    case 'other-method':
      return refused(ErrorReason.OTHER_METHOD, `the proof was made for another call than ${method}`, now)
    case 'other-request': {
      const what = 'the proof was made for another request: something on the way changes what is asked'
      return refused(ErrorReason.OTHER_REQUEST, what, now)
    }
    case 'clock': {
      const what = "the proof's time is too far from the server's: set the clock"
      return refused(ErrorReason.CLOCK, what, now)
    }
  }
}

interface Spending {
  proof: ProvenCall
  rules: ProofRules
  nowMs: number
}

/** The nonce must be remembered for as long as the proof's time would still be accepted. */
async function spend({ proof, rules, nowMs }: Spending): Promise<void> {
  const until = proof.time + rules.windowMs + 1
  const first = await rules.directory
    .spendNonce(proof.deviceKey, proof.nonce, until)
    .catch((error: unknown) => {
      throw storeFailure(error)
    })
  if (!first)
    throw refused(ErrorReason.REPLAYED, 'the proof was used before: make a new one for every call', nowMs)
}

function unknownDevice(nowMs: number): RpcError {
  const message = 'the device is not registered here: call KeyExchange with a list that names it'
  return refused(ErrorReason.UNKNOWN_DEVICE, message, nowMs)
}

function blockedDevice(blocked: Blocked, nowMs: number): RpcError {
  return blocked === 'revoked'
    ? refused(ErrorReason.REVOKED, 'the account does not have the device in use any more', nowMs)
    : refused(ErrorReason.BANNED, "the server's operator has banned the account or the device", nowMs)
}

function refused(reason: ErrorReason, what: string, nowMs: number): RpcError {
  return failure(
    'UNAUTHENTICATED',
    reason,
    `${what} (the server's time is ${new Date(nowMs).toISOString()})`,
    nowMs,
  )
}
