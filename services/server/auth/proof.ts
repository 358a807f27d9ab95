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
  /** The device need not be registered yet, and whether it is blocked is an answer of the call. */
  mayBeNew?: boolean
}

/**
 * Returns the check of a call's proof, which resolves to the device that calls, or rejects with an RpcError:
 * UNAUTHENTICATED with the reason and the server's time, or INVALID_ARGUMENT where there is no readable proof.
 */
export function createProofCheck(rules: ProofRules): (claim: ProofClaim) => Promise<DeviceId> {
  const now = rules.now ?? Date.now
  return async ({ signed, method, mayBeNew = false }) => {
    if (signed === undefined) throw frameFailure('the call carries no proof')
    const nowMs = now()
    const expected = { method, server: rules.serverFingerprint, now: nowMs, window: rules.windowMs }
    const proof = provenCall(signed, expected)
    if (!mayBeNew) await checkDevice(rules.directory, proof.deviceKey, nowMs)
    await spend({ proof, rules, nowMs })
    return proof.deviceKey
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
