// Everything that the protocol's rooms can do, once, as text: so that it can be told in one place and checked in another.

import { ConversationKind } from '../../gen/parley/content/v1/chain_pb.js'
import { fromHex, toHex } from '../../services/protocol/bytes.js'
import { openEphemeral, sealEphemeral } from '../../services/protocol/content/ephemeral.js'
import { firstLogHash, nextLogHash } from '../../services/protocol/content/log-tag.js'
import { pad, unpad } from '../../services/protocol/content/padding.js'
import { checkChain } from '../../services/protocol/conversation/chain/chain.js'
import { makeEntry } from '../../services/protocol/conversation/chain/entry.js'
import { fixedState } from '../../services/protocol/conversation/chain/state.js'
import {
  makeRejoinStatement,
  readRejoinStatement,
} from '../../services/protocol/conversation/rejoin-statement.js'
import { makeTextStatement, readTextStatement } from '../../services/protocol/conversation/text-statement.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { makeCertificate, readCertificate } from '../../services/protocol/identity/certificate.js'
import { makeDeviceList, readDeviceList } from '../../services/protocol/identity/device-list.js'
import { makeDeviceRemoval, readRemovalsOf } from '../../services/protocol/identity/device-removal.js'
import { devicesInUse } from '../../services/protocol/identity/devices-in-use.js'
import {
  accountFingerprint,
  deviceFingerprint,
  formatFingerprint,
} from '../../services/protocol/identity/fingerprint.js'
import { phraseOf, seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { safetyCode, safetyNumber } from '../../services/protocol/identity/safety-number.js'
import { formatInvite, parseInvite } from '../../services/protocol/invite/invite-link.js'
import { type AccountKeys, accountKeys, type DeviceKeys, deviceKeys } from '../../services/protocol/keys.js'
import { METHODS } from '../../services/protocol/method.js'
import { makeProof, openRequest, readProof } from '../../services/protocol/proof.js'
import { keyPairOf } from '../../services/protocol/signature.js'

const NOW = 1_800_000_000_000
const SERVER = new Uint8Array(32).fill(7)

/** All that it makes has the same bytes everywhere; it is read and verified here, too. */
export function protocolStory(crypto: CryptoProvider): Record<string, string> {
  const account = accountKeys(keyPairOf(crypto, new Uint8Array(32).fill(1)))
  const device = deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(2)))
  // Only his key is wanted of him, and this is one.
  const bob = keyPairOf(crypto, device.privateKey)
  const people = [account.publicKey, accountKeys(bob).publicKey] as const
  return {
    ...identity(crypto, { handle: 'ada', account, device }),
    ...lists(crypto, { account, device }),
    ...conversations(crypto, { account, device }),
    ...calls(crypto, device),
    phrase: phraseOf(seedOf(phraseOf(account.privateKey))),
    account: formatFingerprint(accountFingerprint(crypto, account.publicKey)),
    device: deviceFingerprint(crypto, device.publicKey),
    ...content(crypto, device),
    number: safetyNumber(crypto, people),
    code: JSON.stringify(safetyCode(safetyNumber(crypto, people))),
  }
}

function identity(
  crypto: CryptoProvider,
  { handle, account, device }: { handle: string; account: AccountKeys; device: DeviceKeys },
): Record<string, string> {
  const subject = { account, deviceKey: device.publicKey }
  const certificate = makeCertificate(crypto, { ...subject, issuedAt: NOW })
  const inviter = { handle, account: accountFingerprint(crypto, account.publicKey) }
  const link = formatInvite({ host: '2001:db8::1', port: 5000, server: SERVER, inviter })
  return {
    certificate: toHex(certificate),
    certified: toHex(readCertificate(crypto, fromHex(toHex(certificate))!).deviceKey),
    link,
    linkAgain: formatInvite(parseInvite(link)),
  }
}

function lists(
  crypto: CryptoProvider,
  { account, device }: { account: AccountKeys; device: DeviceKeys },
): Record<string, string> {
  const other = deviceKeys(keyPairOf(crypto, new Uint8Array(32).fill(8)))
  const encoded = makeDeviceList(crypto, account, {
    handle: 'ada',
    serverId: new Uint8Array(16).fill(9),
    number: 1_800_000_000,
    previous: undefined,
    issuedAt: NOW,
    devices: [device, other].map(({ publicKey }) => ({ deviceKey: publicKey, listedAt: NOW })),
  })
  const list = readDeviceList(crypto, encoded)
  const removal = makeDeviceRemoval(crypto, device, { list, deviceKey: other.publicKey, removedAt: NOW })
  const inUse = devicesInUse(list, readRemovalsOf(crypto, list, [removal]))
  return {
    list: toHex(encoded),
    listHash: toHex(list.hash),
    removal: toHex(removal),
    inUse: inUse.map(({ deviceKey }) => toHex(deviceKey)).join(),
  }
}

function conversations(
  crypto: CryptoProvider,
  { account, device }: { account: AccountKeys; device: DeviceKeys },
): Record<string, string> {
  const [groupId, nonce] = [new Uint8Array(16).fill(4), new Uint8Array(16).fill(3)]
  const subject = { account, deviceKey: device.publicKey }
  const certificate = makeCertificate(crypto, { ...subject, issuedAt: NOW })
  const settings = { name: 'ops', topic: '', historyDays: 0 }
  const change = { kind: 'create', salt: nonce, settings } as const
  const entry = makeEntry(crypto, { before: undefined, groupId, epoch: 0n }, { device, certificate, change })
  const { id } = checkChain(crypto, [entry]).state
  const request = { groupId, incarnation: 1, head: id, lastEpoch: 2n }
  const rejoin = makeRejoinStatement(crypto, request, { device, nonce })
  const written = { conversationId: id, groupId, count: 1n, joinedEpoch: 0n, sentAt: NOW, text: 'é' }
  const text = makeTextStatement(crypto, written, { accountKey: account.publicKey, device })
  return {
    room: toHex(id),
    ownDevices: toHex(fixedState(crypto, ConversationKind.OWN_DEVICES, [account.publicKey]).id),
    rejoin: toHex(rejoin),
    asked: toHex(readRejoinStatement(crypto, rejoin)!.deviceKey),
    text: toHex(text.signature),
    wrote: readTextStatement(
      crypto,
      { accountKey: account.publicKey, deviceKey: device.publicKey, conversationId: id },
      text,
    )!.text,
  }
}

function content(crypto: CryptoProvider, device: DeviceKeys): Record<string, string> {
  const [key, conversationId] = [new Uint8Array(32).fill(5), new Uint8Array(16).fill(4)]
  const presence = { sentAtMs: BigInt(NOW), body: { case: 'presence' as const, value: { here: true } } }
  const nonce = new Uint8Array(12).fill(6)
  const ciphertext = sealEphemeral(crypto, { key, conversationId, device, content: presence, nonce })
  const before = firstLogHash(crypto, { authenticator: key, sequence: 6n })
  return {
    ephemeral: toHex(ciphertext),
    present: toHex(openEphemeral(crypto, { key, conversationId, ciphertext })!.deviceId),
    logTag: toHex(nextLogHash(crypto, { before, sequence: 7n, digest: crypto.sha256(ciphertext) })),
    unpadded: toHex(unpad(pad(nonce))!),
  }
}

function calls(crypto: CryptoProvider, device: DeviceKeys): Record<string, string> {
  const method = METHODS.chat
  const request = openRequest({ protocolVersion: 1, cursor: new Uint8Array(37) })
  const proof = makeProof(crypto, {
    ...{ method, request, server: SERVER, device },
    ...{ time: NOW, nonce: new Uint8Array(16).fill(3) },
  })
  const proven = readProof(crypto, proof, { method, request, server: SERVER, now: NOW, window: 0 })
  return {
    proof: toHex(proof.proof),
    proofSignature: toHex(proof.signature),
    proven: toHex(proven.deviceKey),
  }
}
