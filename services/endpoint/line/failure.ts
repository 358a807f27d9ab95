// What went wrong with the line, in words for a person, and whether to try again.

import { fromBinary } from '@bufbuild/protobuf'
import { type ErrorDetail, ErrorDetailSchema, ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import type { RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import { ProbeError, RpcError } from '../../rpc/error.js'
import { VaultError } from '../vault/vault.js'
import { LineStopped } from './stopped.js'

export const REVOKED = 'this device was revoked by its account: what is said from now on is not for it'
export const BANNED = "the server's operator has banned this account or device"

/** Why the line is down. Returns the words, or throws LineStopped where trying again does not help. */
export function explainFailure(error: unknown, now: number): string {
  if (error instanceof LineStopped) throw error
  if (error instanceof VaultError) throw new LineStopped('vault', error.message)
  if (error instanceof ProbeError) return error.message
  if (error instanceof RpcError) return explainStatus(error, now)
  throw error
}

function explainStatus(error: RpcError, now: number): string {
  const detail = readDetail(error)
  if (detail?.reason === ErrorReason.PROTOCOL_VERSION)
    throw new LineStopped(
      'protocol-version',
      `${error.message}. Update Parley on this machine or on the server.`,
    )
  if (detail?.reason === ErrorReason.REVOKED) throw new LineStopped('revoked', REVOKED)
  if (detail?.reason === ErrorReason.BANNED) throw new LineStopped('banned', BANNED)
  if (detail?.reason === ErrorReason.CLOCK) return clockOff(detail, now)
  if (error.code === 'DEADLINE_EXCEEDED') return 'the server does not answer'
  return error.message
}

function clockOff({ serverTimeMs }: ErrorDetail, now: number): string {
  const server = new Date(Number(serverTimeMs))
  const minutes = Math.round((now - server.getTime()) / 60_000)
  const off = `${Math.abs(minutes)} min ${minutes > 0 ? 'ahead of' : 'behind'} the server's`
  return `this machine's clock is ${off} (${server.toISOString()}): set it`
}

function readDetail({ detail }: RpcError): ErrorDetail | undefined {
  if (!detail) return undefined
  try {
    return fromBinary(ErrorDetailSchema, detail)
  } catch {
    return undefined
  }
}

/** The server does not register this device: always for a person to decide. */
export function registrationRefused({ reason }: RegistrationRefused, handle: string): LineStopped {
  switch (reason.case) {
    case 'handleTaken':
      return new LineStopped(
        'handle-taken',
        `the handle "${handle}" belongs to somebody else on this server: choose another`,
      )
    case 'handleReserved':
      return new LineStopped(
        'handle-reserved',
        `the handle "${handle}" is kept for the server's operator: choose another`,
      )
    case 'tooManyDevices':
      return new LineStopped(
        'too-many-devices',
        `the account has ${reason.value.limit} devices already, which is the limit`,
      )
    case 'inviteNeeded':
      return new LineStopped(
        'invite-needed',
        'the server takes new accounts by invitation only: ask somebody there for a link',
      )
    case 'inviteInvalid':
      return new LineStopped(
        'invite-needed',
        'the invitation was used already, or is not of this server: ask for a new link',
      )
    case 'registrationClosed':
      return new LineStopped('registration-closed', 'the server takes no new accounts')
    case 'banned':
      return new LineStopped('banned', BANNED)
    case 'deviceRevoked':
      return new LineStopped('revoked', REVOKED)
    default:
      return new LineStopped(
        'handle-invalid',
        `the server does not take the handle "${handle}": ${reason.case === 'handleInvalid' ? reason.value.rule : 'update Parley'}`,
      )
  }
}
