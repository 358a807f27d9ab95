import { createCipheriv, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { makeAccount } from '../../services/endpoint/contacts/account.js'
import { encodeContent } from '../../services/endpoint/messages/sealing/format.js'
import {
  createEngine,
  type Engine,
  type GroupState,
  type KeyPackagePair,
} from '../../services/endpoint/mls/engine.js'
import { ed25519 } from '../../services/endpoint/mls/primitives/signature.js'
import { pad } from '../../services/protocol/content/padding.js'
import { makeTextStatement } from '../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { rate } from './measure.js'
import type { Bench } from './parts.js'
import type { Row } from './result.js'

const TEXT = 'x'.repeat(200)
/** Messages that are sealed before they are opened, so that each is opened once. */
const BATCH = 200

/** One device seals and another opens, in a group of two; and what it takes to make a key package and to join. */
export async function seal({ seconds, say }: Bench): Promise<Row[]> {
  say('seal and open')
  const engine = await createEngine({ validate: () => true })
  const { alice, bob, join } = await groupOfTwo(engine)
  const plaintext = pad(encodeContent({ body: { case: 'text', value: { signed: signedText() } } }))
  const { sealed, opened, bytes } = await sealAndOpen({ engine, alice, bob, plaintext, seconds })
  say('key packages and joins')
  const keyPackages = await rate(seconds / 4, () => newKeyPackage(engine))
  const joins = await rate(seconds / 4, join)
  const raw = [{ what: '/s AES-256-GCM and Ed25519 alone', value: rawSeal(plaintext, seconds / 4) }]
  return [
    { name: 'seal', value: sealed, unit: '/s', raw, details: { ciphertextBytes: bytes } },
    { name: 'open', value: opened, unit: '/s' },
    { name: 'key packages made', value: keyPackages, unit: '/s' },
    { name: 'joins by a welcome', value: joins, unit: '/s' },
  ]
}

/** As a device signs it: only the bytes count here. */
function signedText() {
  const { account, device } = makeAccount('alice')
  const place = {
    conversationId: new Uint8Array(32),
    groupId: new Uint8Array(16),
    count: 1n,
    joinedEpoch: 1n,
  }
  const written = { ...place, sentAt: 1_800_000_000_000, text: TEXT }
  return makeTextStatement(nodeCrypto, written, { accountKey: account.publicKey, device })
}

async function newKeyPackage(engine: Engine): Promise<KeyPackagePair> {
  const { publicKey, signKey: signatureKey } = await ed25519().keygen()
  return await engine.newKeyPackage({ identity: randomBytes(32), signatureKey, publicKey })
}

async function groupOfTwo(engine: Engine) {
  const keyPackage = await newKeyPackage(engine)
  const invited = await newKeyPackage(engine)
  const alone = await engine.create({ groupId: new Uint8Array(randomBytes(16)), keyPackage })
  const { pending, welcome } = await engine.commit(alone, { add: [invited.publicPackage] })
  const join = () => engine.unsafeJoinHere(welcome!, [invited])
  return { alice: engine.adopt(alone, pending).state, bob: (await join()).state, join }
}

/** Per second. It seals and opens in turns, until each has been done for so long. */
async function sealAndOpen(options: {
  engine: Engine
  alice: GroupState
  bob: GroupState
  plaintext: Uint8Array
  seconds: number
}) {
  const { engine, plaintext, seconds } = options
  let { alice, bob } = options
  const ms = { sealing: 0, opening: 0 }
  let count = 0
  let bytes = 0
  while (Math.min(ms.sealing, ms.opening) < seconds * 1000) {
    const messages: Uint8Array[] = []
    const begin = performance.now()
    while (messages.length < BATCH) {
      const { state, ciphertext } = await engine.seal(alice, plaintext)
      alice = state
      messages.push(ciphertext)
    }
    const between = performance.now()
    for (const message of messages) {
      const opened = await engine.open(bob, message, () => true)
      if (opened.kind !== 'application') throw new Error(`not opened: ${opened.kind}`)
      bob = opened.state
    }
    ms.sealing += between - begin
    ms.opening += performance.now() - between
    count += BATCH
    bytes = messages[0]!.length
  }
  return { sealed: (count * 1000) / ms.sealing, opened: (count * 1000) / ms.opening, bytes }
}

/** The two operations that no sealing can do without. */
function rawSeal(plaintext: Uint8Array, seconds: number): number {
  const { privateKey } = generateKeyPairSync('ed25519')
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  const begin = performance.now()
  let count = 0
  while (performance.now() - begin < seconds * 1000) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    cipher.update(plaintext)
    cipher.final()
    sign(null, plaintext, privateKey)
    count += 1
  }
  return (count * 1000) / (performance.now() - begin)
}
