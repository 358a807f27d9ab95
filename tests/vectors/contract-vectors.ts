// The vectors of the contract: of everything that two clients must do alike, one example of each kind, with all that it is
// made from. Keys in them are of nobody.

import { create, toBinary } from '@bufbuild/protobuf'
import { RosterLeaveSchema } from '../../gen/parley/v1/chat_pb.js'
import { KeyExchangePartsSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import { toHex, utf8 } from '../../services/protocol/bytes.js'
import { sealEphemeral } from '../../services/protocol/content/ephemeral.js'
import { firstLogHash, nextLogHash } from '../../services/protocol/content/log-tag.js'
import { pad } from '../../services/protocol/content/padding.js'
import { makeCertificate } from '../../services/protocol/identity/certificate.js'
import { makeDeviceList, readDeviceList } from '../../services/protocol/identity/device-list.js'
import { makeDeviceRemoval, readRemovalsOf } from '../../services/protocol/identity/device-removal.js'
import { devicesInUse } from '../../services/protocol/identity/devices-in-use.js'
import { makeDirectoryStatement } from '../../services/protocol/identity/directory-statement.js'
import {
  accountFingerprint,
  deviceFingerprint,
  formatFingerprint,
} from '../../services/protocol/identity/fingerprint.js'
import { phraseOf } from '../../services/protocol/identity/recovery-phrase.js'
import { safetyCode, safetyNumber } from '../../services/protocol/identity/safety-number.js'
import { formatInvite } from '../../services/protocol/invite/invite-link.js'
import { accountKeys, deviceKeys } from '../../services/protocol/keys.js'
import { epochTagOf, makeBundleHead } from '../../services/protocol/log/bundle-head.js'
import { makeLeave } from '../../services/protocol/log/roster-leave.js'
import { METHODS, type ProvenMethod } from '../../services/protocol/method.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { makeProof, openRequest } from '../../services/protocol/proof.js'
import { keyPairOf } from '../../services/protocol/signature.js'

const NOW = 1_800_000_000_000
const filled = (fill: number, length = 32) => new Uint8Array(length).fill(fill)

const account = accountKeys(keyPairOf(crypto, filled(1)))
const devices = [2, 3, 4].map(fill => deviceKeys(keyPairOf(crypto, filled(fill))))
const [senior, middle, junior] = devices as [(typeof devices)[0], (typeof devices)[0], (typeof devices)[0]]
const other = accountKeys(keyPairOf(crypto, filled(5)))
const directory = keyPairOf(crypto, filled(10))
const SERVER = filled(7)
const SERVER_ID = filled(9, 16)
const CONVERSATION = filled(6, 16)

/** By the name of their file. Bytes are in hex, numbers above 2^53 are not in them. */
export const CONTRACT_VECTORS: Readonly<Record<string, () => unknown>> = {
  'recovery-phrase': () => ({
    seed: toHex(filled(1)),
    account_key: toHex(account.publicKey),
    phrase: phraseOf(account.privateKey),
  }),
  fingerprint: () => ({
    account_key: toHex(account.publicKey),
    account: formatFingerprint(accountFingerprint(crypto, account.publicKey)),
    device_key: toHex(senior.publicKey),
    device: deviceFingerprint(crypto, senior.publicKey),
  }),
  proof: () => {
    const nonce = filled(3, 16)
    const proofOf = (call: { method: ProvenMethod; request: Uint8Array }) => {
      const { proof, signature } = makeProof(crypto, {
        ...{ ...call, server: SERVER, device: senior, time: NOW, nonce },
      })
      return { method: call.method, proof: toHex(proof), signature: toHex(signature) }
    }
    const open = { protocolVersion: 1, cursor: filled(0x44, 37) }
    const asked = create(KeyExchangePartsSchema, { lookupHandles: ['ada'], inviteToken: 'token' })
    const parts = toBinary(KeyExchangePartsSchema, asked)
    return {
      device_seed: toHex(senior.privateKey),
      device_key: toHex(senior.publicKey),
      ...{ server: toHex(SERVER), time_ms: NOW, nonce: toHex(nonce) },
      key_exchange: { parts: toHex(parts), ...proofOf({ method: METHODS.keyExchange, request: parts }) },
      chat: {
        ...{ protocol_version: open.protocolVersion, cursor: toHex(open.cursor) },
        ...proofOf({ method: METHODS.chat, request: openRequest(open) }),
      },
    }
  },
  certificate: () => ({
    account_seed: toHex(account.privateKey),
    ...{ account_key: toHex(account.publicKey), device_key: toHex(senior.publicKey) },
    ...{ server_id: toHex(SERVER_ID), issued_at_ms: NOW },
    signed_device_certificate: toHex(
      makeCertificate(crypto, {
        ...{ account, deviceKey: senior.publicKey, serverId: SERVER_ID, issuedAt: NOW },
      }),
    ),
  }),
  'bundle-head': () => {
    const welcomes = [2, 3].map(fill => ({ welcome: filled(fill, 40) }))
    const rosterChange = {
      addedDeviceIds: [middle.publicKey, junior.publicKey],
      removedDeviceIds: [junior.publicKey],
    }
    const bundle = { epoch: 300n, commit: filled(1, 40), welcomes, rosterChange }
    const succeeds = { conversationId: filled(0x66, 16), epoch: 7n }
    const epochTag = epochTagOf(crypto, filled(0x77, 64))
    const signed = (parts: typeof bundle | Omit<typeof bundle, 'rosterChange'>, before?: typeof succeeds) => {
      const { head, headSignature } = makeBundleHead(crypto, {
        ...{ conversationId: CONVERSATION, bundle: parts, epochTag, device: senior },
        ...(before && { succeeds: before }),
      })
      return { head: toHex(head), head_signature: toHex(headSignature) }
    }
    const { rosterChange: _, ...unchanged } = bundle
    return {
      device_seed: toHex(senior.privateKey),
      conversation_id: toHex(CONVERSATION),
      epoch: 300,
      epoch_authenticator: toHex(filled(0x77, 64)),
      commit: toHex(bundle.commit),
      welcomes: welcomes.map(({ welcome }) => toHex(welcome)),
      added_device_ids: rosterChange.addedDeviceIds.map(toHex),
      removed_device_ids: rosterChange.removedDeviceIds.map(toHex),
      ...signed(bundle),
      'without a roster change': signed(unchanged),
      'in the place of another conversation': {
        ...{ succeeds: toHex(succeeds.conversationId), succeeds_epoch: 7 },
        ...signed(bundle, succeeds),
      },
    }
  },
  'roster-leave': () => {
    const drawn = { ...crypto, randomBytes: (length: number) => filled(0x55, length) }
    const leave = makeLeave(drawn, { conversationId: CONVERSATION, epoch: 300n, device: senior })
    return {
      ...{ device_seed: toHex(senior.privateKey), conversation_id: toHex(CONVERSATION), epoch: 300 },
      roster_leave: toHex(toBinary(RosterLeaveSchema, leave)),
    }
  },
  'device-list': () => {
    const encoded = makeDeviceList(crypto, account, {
      handle: 'ada',
      serverId: SERVER_ID,
      number: 1_800_000_000,
      previous: filled(8),
      issuedAt: NOW,
      devices: devices.map(({ publicKey }, at) => ({ deviceKey: publicKey, listedAt: NOW - at })),
    })
    const list = readDeviceList(crypto, encoded)
    const remove = (by: typeof senior, removed: typeof senior) =>
      makeDeviceRemoval(crypto, by, { list, deviceKey: removed.publicKey, removedAt: NOW })
    const used = (...removals: Uint8Array[]) => ({
      removals: removals.map(toHex),
      in_use: devicesInUse(list, readRemovalsOf(crypto, list, removals)).map(({ deviceKey }) =>
        toHex(deviceKey),
      ),
    })
    return {
      account_seed: toHex(account.privateKey),
      account_key: toHex(account.publicKey),
      handle: 'ada',
      server_id: toHex(SERVER_ID),
      number: list.number,
      previous: toHex(filled(8)),
      issued_at_ms: NOW,
      devices: list.devices.map(({ deviceKey, listedAt }) => ({
        device_key: toHex(deviceKey),
        listed_at_ms: listedAt,
      })),
      signed_device_list: toHex(encoded),
      hash: toHex(list.hash),
      examples: {
        'a device has ended one behind it': used(remove(senior, middle)),
        'who signed the first was ended by one before it, so the last device is in use': used(
          remove(middle, junior),
          remove(senior, middle),
        ),
        'who signed the first has ended itself, and what it signed still counts': used(
          remove(middle, junior),
          remove(middle, middle),
        ),
        'who ends a device ends those too who would come back by it': used(
          remove(middle, junior),
          remove(senior, middle),
          remove(senior, junior),
        ),
      },
    }
  },
  'directory-statement': () => {
    const encoded = makeDeviceList(crypto, account, {
      ...{ handle: 'ada', serverId: SERVER_ID, number: 1_800_000_000, previous: undefined, issuedAt: NOW },
      devices: [{ deviceKey: senior.publicKey, listedAt: NOW }],
    })
    const listed = readDeviceList(crypto, encoded)
    const said = (handle: string, list: typeof listed | undefined) => {
      const { statement, signature } = makeDirectoryStatement(crypto, directory, {
        ...{ serverId: SERVER_ID, handle, time: NOW, listed: list },
      })
      return { handle, statement: toHex(statement), signature: toHex(signature) }
    }
    return {
      directory_seed: toHex(directory.privateKey),
      directory_key: toHex(directory.publicKey),
      server_id: toHex(SERVER_ID),
      time_ms: NOW,
      account_key: toHex(listed.accountKey),
      list_number: listed.number,
      list_hash: toHex(listed.hash),
      signed_device_list: toHex(encoded),
      listed: said('ada', listed),
      nobody: said('nobody', undefined),
    }
  },
  padding: () =>
    [0, 1, 255, 256, 300, 70_000].map(length => {
      const padded = pad(filled(0xaa, length))
      return {
        content_bytes: length,
        padded_bytes: padded.length,
        tail: toHex(padded.subarray(length, length + 4)),
      }
    }),
  'log-tag': () => {
    const authenticator = filled(0x11, 64)
    const ciphertexts = [utf8('one'), utf8('two')]
    const first = firstLogHash(crypto, { authenticator, sequence: 6n })
    const [one, two] = ciphertexts as [Uint8Array, Uint8Array]
    const second = nextLogHash(crypto, { before: first, sequence: 7n, digest: crypto.sha256(one) })
    const third = nextLogHash(crypto, { before: second, sequence: 300n, digest: crypto.sha256(two) })
    return {
      epoch_authenticator: toHex(authenticator),
      epoch_begins_at: 6,
      envelopes: [
        { sequence: 7, ciphertext: toHex(one) },
        { sequence: 300, ciphertext: toHex(two) },
      ],
      hashes: [first, second, third].map(toHex),
    }
  },
  ephemeral: () => {
    const nonce = filled(0x22, 12)
    const content = { sentAtMs: BigInt(NOW), body: { case: 'presence' as const, value: { here: true } } }
    const key = filled(0x33)
    return {
      key: toHex(key),
      conversation_id: toHex(CONVERSATION),
      device_key: toHex(senior.publicKey),
      nonce: toHex(nonce),
      sent_at_ms: NOW,
      here: true,
      ciphertext: toHex(
        sealEphemeral(crypto, { key, conversationId: CONVERSATION, device: senior, content, nonce }),
      ),
    }
  },
  'safety-number': () => {
    const number = safetyNumber(crypto, [account.publicKey, other.publicKey])
    const { prefix, digits } = safetyCode(number)
    return {
      account_keys: [account, other].map(({ publicKey }) => toHex(publicKey)),
      number,
      qr_content: prefix + digits,
    }
  },
  'invite-link': () => {
    const inviter = { handle: 'ada', account: accountFingerprint(crypto, account.publicKey) }
    const token = 'AAECAwQFBgcICQoLDA0ODw'
    return {
      host: '2001:db8::1',
      port: 5000,
      server: toHex(SERVER),
      server_id: toHex(SERVER_ID),
      directory_key: toHex(directory.publicKey),
      inviter_handle: inviter.handle,
      inviter_account: toHex(inviter.account),
      token,
      link: formatInvite({
        ...{ host: '2001:db8::1', port: 5000, server: SERVER, serverId: SERVER_ID },
        ...{ directoryKey: directory.publicKey, inviter, token },
      }),
    }
  },
}
