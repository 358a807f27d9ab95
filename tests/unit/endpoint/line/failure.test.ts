import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import {
  type RegistrationRefused,
  RegistrationRefusedSchema,
} from '../../../../gen/parley/v1/key_exchange_pb.js'
import { LineDown, LineStopped } from '../../../../services/endpoint/codes/line-error.js'
import { explainFailure, registrationRefused } from '../../../../services/endpoint/line/failure.js'
import { ProbeError, RpcError } from '../../../../services/rpc/error.js'

const NOW = Date.UTC(2030, 0, 1)
const explain = (error: unknown) => explainFailure(error, NOW)

const detailed = (reason: ErrorReason, serverTimeMs = 0n) =>
  new RpcError('UNAUTHENTICATED', 'the proof was refused', {
    detail: toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { reason, serverTimeMs })),
  })

describe('a line that is down', () => {
  test('is explained by its cause', () => {
    const address = 'here:5000'
    expect(explain(new ProbeError('refused', address))).toEqual({
      code: 'unreachable',
      address,
      why: 'refused',
    })
    expect(explain(new RpcError('UNAVAILABLE', 'the server is stopping'))).toEqual({
      code: 'call-failed',
      status: 'UNAVAILABLE',
      message: 'the server is stopping',
    })
    expect(explain(new LineDown({ code: 'silent', seconds: 3 }))).toEqual({ code: 'silent', seconds: 3 })
    expect(explain(new RpcError('DEADLINE_EXCEEDED', 'x'))).toEqual({ code: 'no-answer' })
  })

  test('because of the clock says by how much and which way', () => {
    const ten = 10 * 60_000
    expect(explain(detailed(ErrorReason.CLOCK, BigInt(NOW - ten)))).toEqual({
      code: 'clock',
      offsetMs: ten,
      serverTime: new Date(NOW - ten),
    })
    expect(explain(detailed(ErrorReason.CLOCK, BigInt(NOW + ten)))).toMatchObject({ offsetMs: -ten })
  })

  test('is not tried again where a person has to act', () => {
    const stopped = new LineStopped({ code: 'revoked' })
    expect(() => explain(stopped)).toThrow(stopped)
    expect(() => explain(detailed(ErrorReason.PROTOCOL_VERSION))).toThrow(
      expect.objectContaining({ why: { code: 'protocol-version', message: 'the proof was refused' } }),
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
          expect(explain(new RpcError('INTERNAL', 'internal error', { detail })).code).toMatch(
            /call-failed|clock|said-revoked/,
          )
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
    [{ case: 'registrationClosed', value: {} }, 'registration-closed'],
    [{ case: 'inviteNeeded', value: {} }, 'invite-needed'],
    [{ case: 'banned', value: {} }, 'banned'],
    [{ case: 'deviceRevoked', value: {} }, 'left-out'],
    [{ case: 'notListed', value: {} }, 'not-listed'],
    [{ case: 'listNotNewer', value: {} }, 'not-listed'],
  ] as const
  for (const [reason, expected] of reasons)
    expect(registrationRefused(create(RegistrationRefusedSchema, { reason }), 'alice')).toMatchObject({
      name: 'LineStopped',
      reason: expected,
      why: { code: expected },
    })
  const refused = (reason: RegistrationRefused['reason']) =>
    registrationRefused(create(RegistrationRefusedSchema, { reason }), 'alice')
  expect(refused({ case: undefined })).toMatchObject({
    reason: 'handle-invalid',
    why: { code: 'not-registered' },
  })
  expect(
    refused(create(RegistrationRefusedSchema, { reason: { case: 'inviteInvalid', value: {} } }).reason),
  ).toMatchObject({
    reason: 'invite-needed',
    why: { code: 'invite-invalid' },
  })
})
