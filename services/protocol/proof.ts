import { randomBytes } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { ProofSchema, type SignedProof, SignedProofSchema } from '../../gen/parley/v1/identity_pb.js'
import { FINGERPRINT_BYTES } from './identity/fingerprint.js'
import { type KeyPair, sign } from './signature.js'

/** Length in bytes of a proof's nonce. */
export const NONCE_BYTES = 16

/** The calls that ask for a proof, by their full names. */
export type ProvenMethod = '/parley.v1.ChatService/KeyExchange' | '/parley.v1.ChatService/Chat'

/**
 * Shows one server that one call comes from the holder of the device's key.
 *
 * `server` is the SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate that the server showed;
 * `time` is in ms since 1970, now unless given; `nonce` 16 bytes, random unless given.
 * Throws RangeError for a server's name or a nonce of another length.
 */
export function makeProof(options: {
  method: ProvenMethod
  server: Uint8Array
  device: KeyPair
  time?: number
  nonce?: Uint8Array
}): SignedProof {
  const { method, server, device, time = Date.now(), nonce = randomBytes(NONCE_BYTES) } = options
  if (server.length !== FINGERPRINT_BYTES) throw new RangeError("A server's name is a SHA-256")
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`A nonce has ${NONCE_BYTES} bytes`)
  const proof = toBinary(
    ProofSchema,
    create(ProofSchema, {
      method,
      server,
      timeMs: BigInt(Math.trunc(time)),
      nonce,
      deviceKey: device.publicKey,
    }),
  )
  return create(SignedProofSchema, { proof, signature: sign('parley.v1.Proof', device.privateKey, proof) })
}
