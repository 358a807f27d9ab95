import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import { RegistrationRefusedSchema } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { explainFailure, registrationRefused } from '../../../../services/endpoint/line/failure.js'
import { LineStopped } from '../../../../services/endpoint/line/stopped.js'
import { VaultError } from '../../../../services/endpoint/vault/vault.js'
import { ProbeError, RpcError } from '../../../../services/rpc/error.js'

const NOW = Date.UTC(2030, 0, 1)
const explain = (error: unknown) => explainFailure(error, NOW)

const detailed = (reason: ErrorReason, serverTimeMs = 0n) =>
  new RpcError('UNAUTHENTICATED', 'the proof was refused', {
    detail: toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { reason, serverTimeMs })),
  })

describe('a line that is down', () => {
  test('is explained in words, with what to do', () => {
    expect(explain(new ProbeError('refused', 'nothing listens there'))).toBe('nothing listens there')
    expect(explain(new RpcError('UNAVAILABLE', 'the server is stopping'))).toBe('the server is stopping')
    expect(explain(new RpcError('DEADLINE_EXCEEDED', 'x'))).toBe('the server does not answer')
  })

  test('because of the clock says by how much and which way', () => {
    const ahead = explain(detailed(ErrorReason.CLOCK, BigInt(NOW - 10 * 60_000)))
    expect(ahead).toMatch(/10 min ahead of the server's.*set it/)
    const behind = explain(detailed(ErrorReason.CLOCK, BigInt(NOW + 60 * 60_000)))
    expect(behind).toMatch(/60 min behind the server's/)
  })

  test('is not tried again where a person has to act', () => {
    const stopped = new LineStopped('revoked', 'revoked')
    expect(() => explain(stopped)).toThrow(stopped)
    expect(() => explain(new VaultError('full', 'no room'))).toThrow(
      expect.objectContaining({ name: 'LineStopped', reason: 'vault' }),
    )
    expect(() => explain(detailed(ErrorReason.PROTOCOL_VERSION))).toThrow(
      expect.objectContaining({ reason: 'protocol-version' }),
    )
  })

  test('by a defect of ours is not taken for one of the line', () => {
    const defect = new TypeError('defect')
    expect(() => explain(defect)).toThrow(defect)
  })

  test('with hostile bytes for its detail is explained all the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), detail => {
        try {
          expect(typeof explain(new RpcError('INTERNAL', 'internal error', { detail }))).toBe('string')
        } catch (error) {
          // Bytes that happen to name the protocol version.
          expect(error).toBeInstanceOf(LineStopped)
        }
      }),
    )
  })
})

test('every refusal of a registration stops the line for its own reason', () => {
  const reasons = [
    [{ case: 'handleTaken', value: {} }, 'handle-taken'],
    [{ case: 'handleReserved', value: {} }, 'handle-reserved'],
    [{ case: 'handleInvalid', value: { rule: 'too long' } }, 'handle-invalid'],
    [{ case: 'tooManyDevices', value: { limit: 3 } }, 'too-many-devices'],
    [{ case: undefined }, 'handle-invalid'],
  ] as const
  for (const [reason, expected] of reasons)
    expect(registrationRefused(create(RegistrationRefusedSchema, { reason }), 'alice')).toMatchObject({
      name: 'LineStopped',
      reason: expected,
    })
})
