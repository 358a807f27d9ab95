// Commits of a member with an altered program: signed and encrypted as they must be, and wrong inside. Everybody
// refuses those that are wrong for everybody, before the policy is asked, and knows whose they are.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { decodeStrict } from '../../../../services/endpoint/mls/codec.js'
import { make } from '../../../../services/endpoint/mls/commit/commit.js'
import { applyProposals } from '../../../../services/endpoint/mls/commit/proposals.js'
import type { MlsContext } from '../../../../services/endpoint/mls/context.js'
import { proposalOfSettings } from '../../../../services/endpoint/mls/extensions.js'
import {
  type Extension,
  encodeMlsMessage,
  type LeafNode,
  type Proposal,
} from '../../../../services/endpoint/mls/library.js'
import {
  contextWith,
  engine,
  expectRefused,
  type Four,
  four,
  madeWith,
  removal,
  unusable,
} from './adversary.js'
import { context, libraryCommit } from './forge.js'
import { acceptAll, FAST_SUITE, keyPackageOf, newDevice, outcome, type Seat, text } from './people.js'

let room: Four
let alice: Seat
let bob: Seat
let carol: Seat
let dave: Seat

beforeEach(async () => {
  room = await four()
  ;({ alice, bob, carol, dave } = room)
})

/** By alice, and perhaps by this member alone. */
const refusedHere = { kind: 'refused', cause: 'not-authentic', by: { leaf: 0 }, perhapsOnlyHere: true }

describe('a commit that was altered on its way', () => {
  const altered = (commit: Uint8Array, alter: (data: Uint8Array) => Uint8Array) => {
    const message = decodeStrict(commit)
    if (message.wireformat !== 'mls_private_message') throw new Error(message.wireformat)
    const { privateMessage } = message
    const authenticatedData = alter(privateMessage.authenticatedData)
    return encodeMlsMessage({ ...message, privateMessage: { ...privateMessage, authenticatedData } })
  }

  test.each<[string, (data: Uint8Array) => Uint8Array]>([
    ['other data', data => data.map(byte => byte ^ 1)],
    ['none', () => new Uint8Array()],
    ['more', data => new Uint8Array([...data, 0])],
  ])('in the data that the server reads is refused: %s', async (_name, alter) => {
    const made = await engine.commit(alice.state, { authenticatedData: text('head') })
    const opened = await engine.open(bob.state, altered(made.commit, alter), acceptAll)
    expect(opened).toEqual({ kind: 'refused', cause: 'not-authentic' })
    const policy = ({ authenticatedData }: { authenticatedData: Uint8Array }) =>
      Buffer.from(authenticatedData).toString() === 'head'
    expect((await engine.open(bob.state, made.commit, policy)).kind).toBe('commit')
  })
})

describe('a path', () => {
  test('that is sealed for the group as it was is refused', async () => {
    // As the library makes it: it opens one for the group as it will be, but seals it for the group as it was.
    const proposals = [proposalOfSettings(text('second')), removal(dave)]
    const commit = await libraryCommit(alice.state, proposals)
    const opened = await engine.open(bob.state, commit, acceptAll)
    expect(opened).toMatchObject(refusedHere)
  })

  test('that is missing is refused', async () => {
    const { publicPackage } = await keyPackageOf(engine, await newDevice('erin'))
    const message = decodeStrict(publicPackage)
    if (message.wireformat !== 'mls_key_package') throw new Error(message.wireformat)
    const add: Proposal = { proposalType: 'add', add: { keyPackage: message.keyPackage } }
    for (const proposal of [add, proposalOfSettings(text('second'))])
      await expectRefused(room, await libraryCommit(alice.state, [proposal]), 'unsupported')
  })

  test('with keys that nobody can encrypt to is refused: nobody could commit any more', async () => {
    const { exportPublicKey } = context.suite.hpke
    const hpke = { exportPublicKey: async (key: never) => unusable(await exportPublicKey(key)) }
    await expectRefused(room, await madeWith(room, { context: contextWith(hpke) }), 'not-authentic')
  })

  test('whose keys do not come of its secrets is refused by those who learn them', async () => {
    const { deriveKeyPair, generateKeyPair } = context.suite.hpke
    let calls = 0
    const hpke = {
      deriveKeyPair: (secret: Uint8Array) => (calls++ === 0 ? deriveKeyPair(secret) : generateKeyPair()),
    }
    const commit = await madeWith(room, { context: contextWith(hpke) })
    const opened = await engine.open(bob.state, commit, acceptAll)
    expect(opened).toMatchObject(refusedHere)
  })

  test('with garbage for one member is refused by that one, who knows whose it is', async () => {
    const { seal } = context.suite.hpke
    let calls = 0
    const hpke: Partial<MlsContext['suite']['hpke']> = {
      seal: (key, plaintext, ...rest) =>
        seal(key, calls++ === 0 ? new Uint8Array(plaintext.length) : plaintext, ...rest),
    }
    const commit = await madeWith(room, { context: contextWith(hpke) })
    const opened = await engine.open(bob.state, commit, acceptAll)
    expect(opened).toMatchObject(refusedHere)
    expect((await engine.open(carol.state, commit, acceptAll)).kind).toBe('commit')
  })

  test('for fewer members than there are is refused by all of them', async () => {
    const ratchetTree = structuredClone(alice.state.ratchetTree)
    ratchetTree[2] = undefined
    const { commit } = await make(context, { ...alice.state, ratchetTree }, { proposals: [] })
    await expectRefused(room, commit, 'not-authentic')
  })

  test('made for another tree is refused by all, also by those who could open it', async () => {
    const ratchetTree = structuredClone(alice.state.ratchetTree)
    const other = ratchetTree[6]
    if (other?.nodeType !== 'leaf') throw new Error('no leaf')
    other.leaf.hpkePublicKey = (await keysOf(dave)).hpkePublicKey
    const { commit } = await make(context, { ...alice.state, ratchetTree }, { proposals: [] })
    await expectRefused(room, commit, 'not-authentic')
  })
})

/** Of a new key package of the seat's device. */
async function keysOf({ device }: Seat): Promise<LeafNode> {
  const message = decodeStrict((await keyPackageOf(engine, device)).publicPackage)
  if (message.wireformat !== 'mls_key_package') throw new Error(message.wireformat)
  return message.keyPackage.leafNode
}

describe("the committer's leaf", () => {
  const extension = (extensionType: Extension['extensionType'], length = 1): Extension => ({
    extensionType,
    extensionData: new Uint8Array(length),
  })
  test.each<[string, string, (leaf: LeafNode) => void]>([
    [
      'of another owner',
      'identity-changed',
      leaf => {
        leaf.credential = { credentialType: 'basic', identity: text('the operator') }
      },
    ],
    [
      'that cannot read settings any more',
      'unsupported',
      leaf => {
        leaf.capabilities = { ...leaf.capabilities, extensions: [0xf0a2, 0xf0a3] }
      },
    ],
    [
      'that knows no such suite',
      'unsupported',
      leaf => {
        leaf.capabilities = { ...leaf.capabilities, ciphersuites: [] }
      },
    ],
    [
      'that knows another suite, too',
      'unsupported',
      leaf => {
        const { ciphersuites } = leaf.capabilities
        leaf.capabilities = { ...leaf.capabilities, ciphersuites: [...ciphersuites, FAST_SUITE] }
      },
    ],
    [
      'with an extension that is not ours',
      'unsupported',
      leaf => {
        leaf.extensions = [extension('application_id')]
      },
    ],
    [
      'that says two things',
      'unsupported',
      leaf => {
        leaf.extensions = [extension(0xf0a2), extension(0xf0a2)]
      },
    ],
    [
      'that says too much',
      'unsupported',
      leaf => {
        leaf.extensions = [extension(0xf0a2, 1025)]
      },
    ],
  ])('%s is refused', async (_name, cause, leaf) => {
    await expectRefused(room, await madeWith(room, { leaf }), cause)
  })

  test('signed by another key than its own is refused', async () => {
    const signaturePrivateKey = (await newDevice('mallory')).signatureKey
    const { commit } = await make(context, { ...alice.state, signaturePrivateKey }, { proposals: [] })
    expect(outcome(await engine.open(bob.state, commit, acceptAll))).toBe('refused: not-authentic')
  })
})

describe('proposals', () => {
  test.each<[string, string, () => Proposal[]]>([
    ['to remove the committer', 'bad-change', () => [removal(alice)]],
    ['to remove one member twice', 'bad-change', () => [removal(bob), removal(bob)]],
    ['to remove nobody', 'bad-change', () => [{ proposalType: 'remove', remove: { removed: 77 } }]],
    [
      'to change the settings twice',
      'bad-change',
      () => [proposalOfSettings(text('a')), proposalOfSettings(text('b'))],
    ],
    ['of another kind', 'unsupported', () => [{ proposalType: 4_242, proposalData: new Uint8Array(3) }]],
  ])('%s are refused, with whatever else', (_name, why, proposals) => {
    for (const besides of [[], [removal(dave)]])
      expect(() => applyProposals(bob.state, [...besides, ...proposals()], 0)).toThrow(
        expect.objectContaining({ why }),
      )
  })

  test('to remove a leaf that is blank for others are refused', async () => {
    const ratchetTree = structuredClone(alice.state.ratchetTree)
    ratchetTree[8] = { nodeType: 'leaf', leaf: await keysOf(dave) }
    while (ratchetTree.length < 15) ratchetTree.push(undefined)
    const proposals: Proposal[] = [{ proposalType: 'remove', remove: { removed: 4 } }]
    const secretTree = [...alice.state.secretTree]
    const { commit } = await make(context, { ...alice.state, ratchetTree, secretTree }, { proposals })
    await expectRefused(room, commit, 'bad-change')
  })
})
