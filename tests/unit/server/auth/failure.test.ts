import { expect, test } from '@jest/globals'
import { ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import { RpcError } from '../../../../services/rpc/error.js'
import { failure, frameFailure, storeFailure } from '../../../../services/server/auth/failure.js'
import { BadCursorError, StorageFullError } from '../../../../services/server/store/store.js'
import { detailOf } from '../../../support/contract-client.js'

test('a status has its reason and the server’s time in its detail', () => {
  const error = failure('UNAUTHENTICATED', ErrorReason.CLOCK, 'set the clock', 1_234)
  expect(error).toMatchObject({ code: 'UNAUTHENTICATED', message: 'set the clock' })
  expect(detailOf(error)).toMatchObject({ reason: ErrorReason.CLOCK, serverTimeMs: 1_234n })
  expect(detailOf(frameFailure('Send: no')).reason).toBe(ErrorReason.FRAME)
  expect(frameFailure('Send: no').code).toBe('INVALID_ARGUMENT')
})

test('a client is told of a full store; a defect stays what it is', () => {
  const full = storeFailure(new StorageFullError('no room'))
  if (!(full instanceof RpcError)) throw new Error('not an RpcError')
  expect(full.code).toBe('RESOURCE_EXHAUSTED')
  expect(detailOf(full).reason).toBe(ErrorReason.STORAGE_FULL)
  for (const error of [new Error('x'), new BadCursorError('x'), undefined])
    expect(storeFailure(error)).toBe(error)
})
