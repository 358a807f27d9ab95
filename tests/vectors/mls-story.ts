// One story of a group, as vectors of the MLS profile: somebody joins by a welcome, follows commits, reads what is said.
// It is another one each time that it is made, since encryption draws at random; the keys in it are of nobody.

import { create, toBinary } from '@bufbuild/protobuf'
import { ContentSchema } from '../../gen/parley/content/v1/content_pb.js'
import { createContext } from '../../services/endpoint/mls/context.js'
import { createEngine, type Engine, type GroupState } from '../../services/endpoint/mls/engine.js'
import { decodePrivate } from '../../services/endpoint/mls/key-package.js'
import { ed25519 } from '../../services/endpoint/mls/primitives/signature.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { toHex, utf8 } from '../../services/protocol/bytes.js'
import { pad } from '../../services/protocol/content/padding.js'
import { encodeLeafList } from '../../services/protocol/conversation/leaves.js'
import { makeCertificate } from '../../services/protocol/identity/certificate.js'
import { accountKeys, deviceKey } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { generateKeyPair } from '../../services/protocol/signature.js'
import { bytes } from './rfc9420.js'

/** Bytes are in hex. */
export interface Story {
  cipher_suite: number
  key_package: string
  init_private: string
  encryption_private: string
  signature_private: string
  welcome: string
  /** As the welcome says it. */
  joined: Snapshot & { signer: number; joiner: string }
  steps: (
    | ({ commit: string; committer: number; authenticated_data: string; added: number[] } & Snapshot)
    | { message: string; sender: number; plaintext: string }
  )[]
  /** Of the messages, in their order. */
  texts: string[]
}

interface Snapshot {
  epoch: number
  settings: string
  /** By their leaves; null for a leaf that says nothing. */
  leaf_data: Record<number, string | null>
  epoch_authenticator: string
  /** MLS-Exporter("parley ephemeral", "", 32). */
  exported: string
}

export const EXPORTED = { label: 'parley ephemeral', length: 32 } as const

export const storyEngine = (): Promise<Engine> => createEngine({ validate: validateCredential })

async function snapshot(engine: Engine, state: GroupState): Promise<Snapshot> {
  const said = engine
    .members(state)
    .map(({ leaf, leafData }) => [leaf, leafData ? toHex(leafData) : null] as const)
  return {
    epoch: Number(engine.epoch(state)),
    settings: toHex(engine.settings(state)!),
    leaf_data: Object.fromEntries(said),
    epoch_authenticator: toHex(engine.epochAuthenticator(state)),
    exported: toHex(await engine.exporter(state, EXPORTED.label, EXPORTED.length)),
  }
}

/** A device of an account of this name, whose leaf names a list. */
async function newPair(engine: Engine, handle: string) {
  const account = accountKeys(generateKeyPair(crypto))
  const { publicKey, signKey: signatureKey } = await ed25519().keygen()
  const identity = makeCertificate(crypto, { account, deviceKey: deviceKey(publicKey) })
  const leafData = leafListOf(`the first list of ${handle}`)
  const pair = { identity, signatureKey, publicKey, leafData }
  return { pair: await engine.newKeyPackage(pair), again: () => engine.newKeyPackage(pair) }
}

/** The name of a list of devices; the hash is that of no list. */
const leafListOf = (list: string) =>
  encodeLeafList({ number: 1_800_000_000, hash: crypto.sha256(utf8(list)) })

/** An encoded Content, padded. */
const said = (count: number, text: string) =>
  pad(
    toBinary(
      ContentSchema,
      create(ContentSchema, {
        ...{ count: BigInt(count), joinedEpoch: 1n, sentAtMs: 1_800_000_000_000n },
        body: { case: 'deviceName', value: { name: text } },
      }),
    ),
  )

/** A founder, one who joins with the reader, goes and comes back in one commit, and one more. */
export async function makeStory(): Promise<Story> {
  const engine = await storyEngine()
  const [founder, other, reader, late] = await Promise.all(
    ['founder', 'other', 'reader', 'late'].map(name => newPair(engine, name)),
  )
  let state = await engine.create({
    groupId: bytes('00112233445566778899aabbccddeeff'),
    keyPackage: founder!.pair,
    settings: utf8('first'),
  })
  const steps: Story['steps'] = []
  const texts: string[] = []
  const commit = async (change: Parameters<Engine['commit']>[1], added: number[]) => {
    const made = await engine.commit(state, change)
    state = engine.adopt(state, made.pending).state
    const authenticated_data = toHex(change.authenticatedData ?? new Uint8Array())
    const place = { commit: toHex(made.commit), committer: 0, authenticated_data, added }
    steps.push({ ...place, ...(await snapshot(engine, state)) })
    return made
  }
  const say = async (text: string) => {
    const plaintext = said(texts.push(text), text)
    const sealed = await engine.seal(state, plaintext)
    state = sealed.state
    steps.push({ message: toHex(sealed.ciphertext), sender: 0, plaintext: toHex(plaintext) })
  }
  const add = [other!.pair.publicPackage, reader!.pair.publicPackage]
  const { welcome } = await commit({ add, joiner: utf8('the story so far') }, [1, 2])
  steps.length = 0
  const joined = { ...(await snapshot(engine, state)), signer: 0, joiner: toHex(utf8('the story so far')) }
  await say('hello')
  await commit({ leafData: leafListOf('the second list of founder'), authenticatedData: utf8('grounds') }, [])
  await commit({ settings: utf8('second') }, [])
  const back = [(await other!.again()).publicPackage, late!.pair.publicPackage]
  await commit({ add: back, remove: [1], settings: utf8('third'), authenticatedData: utf8('all') }, [1, 3])
  for (const text of ['once', 'twice']) await say(text)
  const keys = decodePrivate(
    await createContext({ validate: validateCredential }),
    reader!.pair.privatePackage,
  )
  return {
    cipher_suite: engine.suite,
    key_package: toHex(reader!.pair.publicPackage),
    init_private: toHex(keys.initPrivateKey),
    encryption_private: toHex(keys.hpkePrivateKey),
    signature_private: toHex(keys.signaturePrivateKey),
    welcome: toHex(welcome!),
    joined,
    steps,
    texts,
  }
}

/** The story as a member of the engine finds it; throws where it cannot follow. */
export async function retell(story: Story): Promise<Pick<Story, 'joined' | 'steps'>> {
  const engine = await storyEngine()
  const privatePackage = privateOf(story)
  const own = { publicPackage: bytes(story.key_package), privatePackage }
  const welcomed = await engine.unsafeJoinHere(bytes(story.welcome), [own])
  let { state } = welcomed
  const joined = {
    ...(await snapshot(engine, state)),
    signer: welcomed.signer.leaf,
    joiner: toHex(welcomed.joiner!),
  }
  const steps: Story['steps'] = []
  for (const step of story.steps) {
    const message = 'commit' in step ? step.commit : step.message
    const opened = await engine.open(state, bytes(message), () => true)
    if (opened.kind === 'application') {
      state = opened.state
      steps.push({ message, sender: opened.sender.leaf, plaintext: toHex(opened.plaintext) })
    } else if (opened.kind === 'commit') {
      state = opened.state
      const { committer, authenticatedData, added } = opened
      steps.push({
        ...{ commit: message, committer: committer.leaf, authenticated_data: toHex(authenticatedData) },
        added: added.map(({ leaf }) => leaf),
        ...(await snapshot(engine, state)),
      })
    } else throw new Error(opened.kind)
  }
  return { joined, steps }
}

/** In the engine's own encoding (key-package.ts). */
function privateOf(story: Story): Uint8Array {
  const keys = [story.init_private, story.encryption_private, story.signature_private].map(bytes)
  const header = [2, story.cipher_suite >> 8, story.cipher_suite & 0xff]
  return Uint8Array.from([...header, ...keys.flatMap(key => [key.length >> 8, key.length & 0xff, ...key])])
}
