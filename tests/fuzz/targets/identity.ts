// All that is signed and believed: certificates, device lists and removals, proofs, and the 24 words.

import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  DirectoryStatementSchema,
  SignedDirectoryStatementSchema,
} from '../../../gen/parley/v1/directory_pb.js'
import {
  DeviceCertificateSchema,
  DeviceListSchema,
  DeviceRemovalSchema,
  ProofSchema,
  SignedDeviceCertificateSchema,
  SignedDeviceListSchema,
  SignedDeviceRemovalSchema,
  SignedProofSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { makeAccount } from '../../../services/endpoint/contacts/account.js'
import { IdentityError } from '../../../services/protocol/error.js'
import { makeCertificate, readCertificate } from '../../../services/protocol/identity/certificate.js'
import { makeDeviceList, readDeviceList } from '../../../services/protocol/identity/device-list.js'
import {
  makeDeviceRemoval,
  readDeviceRemoval,
  readRemovalsOf,
} from '../../../services/protocol/identity/device-removal.js'
import {
  makeDirectoryStatement,
  readDirectoryStatement,
} from '../../../services/protocol/identity/directory-statement.js'
import { phraseOf, RecoveryPhraseError, seedOf } from '../../../services/protocol/identity/recovery-phrase.js'
import { METHODS } from '../../../services/protocol/method.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { makeProof, ProofError, readProof } from '../../../services/protocol/proof.js'
import { keyPairOf } from '../../../services/protocol/signature.js'
import type { Chance } from '../../support/chance.js'
import { changedEncoded, changedText } from '../mutation.js'
import { refusing, type Target } from '../target.js'

const NESTED = {
  'SignedDeviceCertificate.certificate': DeviceCertificateSchema,
  'SignedDeviceList.list': DeviceListSchema,
  'SignedDeviceRemoval.removal': DeviceRemovalSchema,
  'SignedProof.proof': ProofSchema,
  'SignedDirectoryStatement.statement': DirectoryStatementSchema,
}
const NOW = 1_800_000_000_000
/** The call that the proof is for. */
const CALL = { method: METHODS.chat, request: Uint8Array.of(1), server: new Uint8Array(32).fill(3) }

export const identity: Target = {
  name: 'identity',
  share: 24,
  async open() {
    const alice = makeAccount('alice', NOW)
    const others = ['b', 'c', 'd'].map(name => makeAccount(name, NOW).device)
    const certificate = makeCertificate(crypto, {
      account: alice.account,
      deviceKey: alice.device.publicKey,
    })
    const list = makeDeviceList(crypto, alice.account, {
      handle: 'alice',
      serverId: new Uint8Array(16).fill(1),
      number: 7,
      previous: undefined,
      issuedAt: NOW,
      devices: [alice.device, ...others].map(({ publicKey }) => ({ deviceKey: publicKey, listedAt: NOW })),
    })
    const known = readDeviceList(crypto, list)
    const removal = makeDeviceRemoval(crypto, alice.device, {
      list: known,
      deviceKey: others[1]!.publicKey,
      removedAt: NOW,
    })
    const proof = toBinary(
      SignedProofSchema,
      create(SignedProofSchema, makeProof(crypto, { ...CALL, device: alice.device, time: NOW })),
    )
    const directory = keyPairOf(crypto, new Uint8Array(32).fill(2))
    const said = toBinary(
      SignedDirectoryStatementSchema,
      create(
        SignedDirectoryStatementSchema,
        makeDirectoryStatement(crypto, directory, {
          ...{ serverId: known.serverId, handle: 'alice', time: NOW, listed: known },
        }),
      ),
    )
    const phrase = phraseOf(new Uint8Array(32).fill(9))
    const parses: ((chance: Chance) => void)[] = [
      chance => {
        const encoded = changedEncoded(chance, SignedDeviceCertificateSchema, {
          encoded: certificate,
          nested: NESTED,
        })
        refusing([IdentityError], () => readCertificate(crypto, encoded))
      },
      chance => {
        const encoded = changedEncoded(chance, SignedDeviceListSchema, { encoded: list, nested: NESTED })
        refusing([IdentityError], () => readDeviceList(crypto, encoded))
      },
      chance => {
        const encoded = changedEncoded(chance, SignedDeviceRemovalSchema, {
          encoded: removal,
          nested: NESTED,
        })
        refusing([IdentityError], () => readDeviceRemoval(crypto, encoded))
        refusing([IdentityError], () => readRemovalsOf(crypto, known, [removal, encoded]))
      },
      chance => {
        const encoded = changedEncoded(chance, SignedProofSchema, { encoded: proof, nested: NESTED })
        refusing([ProofError], () => {
          // The transport refuses what is no message.
          const signed = parsed(SignedProofSchema, encoded)
          return signed && readProof(crypto, signed, { ...CALL, now: NOW, window: 60_000 })
        })
      },
      chance => {
        const encoded = changedEncoded(chance, SignedDirectoryStatementSchema, {
          encoded: said,
          nested: NESTED,
        })
        refusing([IdentityError], () => {
          const signed = parsed(SignedDirectoryStatementSchema, encoded)
          return signed && readDirectoryStatement(crypto, signed, directory.publicKey)
        })
      },
      chance => refusing([RecoveryPhraseError], () => seedOf(changedText(chance, phrase))),
    ]
    return { run: chance => chance.pick(parses)!(chance) }
  },
}

function parsed<Schema extends DescMessage>(schema: Schema, encoded: Uint8Array) {
  try {
    return fromBinary(schema, encoded)
  } catch {
    return undefined
  }
}
