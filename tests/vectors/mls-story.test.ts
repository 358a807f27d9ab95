// The vector of the MLS profile: the engine that is here now still follows what one made earlier, and so does the member
// that was written from the RFC alone. `PARLEY_WRITE_VECTORS=1 npm test -- vectors/mls-story` and `npm run fix` write another.

import { readFileSync, writeFileSync } from 'node:fs'
import { fromBinary } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { ed25519 } from '@noble/curves/ed25519.js'
import { LeafListSchema } from '../../gen/parley/content/v1/chain_pb.js'
import { ContentSchema } from '../../gen/parley/content/v1/content_pb.js'
import { DeviceCertificateSchema, SignedDeviceCertificateSchema } from '../../gen/parley/v1/identity_pb.js'
import { Member } from '../support/mls/member.js'
import { Reader } from '../support/mls/tls.js'
import { readKeyPackage } from '../support/mls/wire.js'
import { isSigned } from './by-noble.js'
import { EXPORTED, makeStory, retell, type Story } from './mls-story.js'
import { bytes, hex } from './rfc9420.js'

/** Of the sources, seen from the compiled test. */
const FILE = new URL('../../../tests/vectors/contract/mls.json', import.meta.url)

if (process.env.PARLEY_WRITE_VECTORS)
  writeFileSync(FILE, `${JSON.stringify(await makeStory(), undefined, 2)}\n`)
const written = JSON.parse(readFileSync(FILE, 'utf8')) as Story

const SETTINGS = 0xf0a1
const LEAF = 0xf0a2
const JOINER = 0xf0a3
type Found = { type: number; data: Uint8Array }[]
const dataOf = (extensions: Found, type: number) => {
  const data = extensions.find(each => each.type === type)?.data
  return data ? hex(data) : null
}

function snapshot(member: Member) {
  const { context, epoch, tree } = member
  const leaves = tree.flatMap((node, index) =>
    node?.kind === 'leaf' ? [[index / 2, dataOf(node.leaf.extensions, LEAF)] as const] : [],
  )
  return {
    epoch: Number(context.epoch),
    settings: dataOf(context.extensions, SETTINGS),
    leaf_data: Object.fromEntries(leaves),
    epoch_authenticator: hex(epoch.authenticator),
    exported: hex(member.export(EXPORTED.label, new Uint8Array(), EXPORTED.length)),
  }
}

function byTheRfc(story: Story) {
  const member = new Member(bytes(story.welcome), {
    keyPackage: bytes(story.key_package),
    init: bytes(story.init_private),
    encryption: bytes(story.encryption_private),
  })
  const { extensions, signer } = member.welcomed
  const joined = { ...snapshot(member), signer, joiner: dataOf(extensions, JOINER) }
  const steps = story.steps.map(step => {
    if ('message' in step) {
      const { sender, plaintext } = member.read(bytes(step.message))
      return { message: step.message, sender, plaintext: hex(plaintext) }
    }
    const { committer, authenticatedData, added } = member.open(bytes(step.commit))!
    const authenticated_data = hex(authenticatedData)
    return { commit: step.commit, committer, authenticated_data, added, ...snapshot(member) }
  })
  return { joined, steps }
}

/** The contents of the messages, without their padding. */
const textsOf = ({ steps }: Story) =>
  steps
    .flatMap(step => ('message' in step ? [bytes(step.plaintext)] : []))
    .map(padded => fromBinary(ContentSchema, padded.subarray(0, padded.lastIndexOf(0x80))).body)
    .map(body => (body.case === 'deviceName' ? body.value.name : body.case))

/** Its leaf is of a device that its account has certified, and names a list. */
function checkKeyPackage(story: Story) {
  const { leafNode } = readKeyPackage(new Reader(bytes(story.key_package).slice(4)))
  const { certificate: signed, signature } = fromBinary(SignedDeviceCertificateSchema, leafNode.identity)
  const { accountKey: key, deviceKey } = fromBinary(DeviceCertificateSchema, signed)
  expect(isSigned('parley.v1.DeviceCertificate', { signed, signature, key })).toBe(true)
  expect(hex(deviceKey)).toBe(hex(leafNode.signatureKey))
  expect(hex(ed25519.getPublicKey(bytes(story.signature_private)))).toBe(hex(deviceKey))
  const list = fromBinary(LeafListSchema, leafNode.extensions.find(({ type }) => type === LEAF)!.data)
  expect({ number: list.number, bytes: list.hash.length }).toEqual({ number: 1_800_000_000n, bytes: 32 })
}

test.each([
  ['that is written down', () => written],
  ['that is new', makeStory],
])('a story %s is told by the engine and by the RFC', async (_name, make) => {
  const story = await make()
  const { joined, steps } = story
  expect(await retell(story)).toEqual({ joined, steps })
  expect(byTheRfc(story)).toEqual({ joined, steps })
  expect(textsOf(story)).toEqual(story.texts)
  checkKeyPackage(story)
})
