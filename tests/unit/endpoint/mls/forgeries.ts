// The forgeries that a member with bad intentions may put into a welcome, and what each must be refused for.

import { encodeNode } from 'ts-mls/ratchetTree.js'
import {
  JOINER_EXTENSION,
  MAX_SETTINGS_BYTES,
  SETTINGS_EXTENSION,
} from '../../../../services/endpoint/mls/extensions.js'
import type { RatchetTree } from '../../../../services/endpoint/mls/library.js'
import type { MlsCause } from '../../../../services/endpoint/mls/refused.js'
import { MAX_JOINER_BYTES } from '../../../../services/protocol/conversation/limits.js'
import { type Forgery, forgedLeaf } from './forge.js'
import { FAST_SUITE, newDevice, type Seat } from './people.js'

const JOINER = { extensionType: JOINER_EXTENSION, extensionData: new Uint8Array(4) }
const SETTINGS = { extensionType: SETTINGS_EXTENSION, extensionData: new Uint8Array(4) }

/** The forger and the others of its group, whose sixth member is the victim. */
export interface Scene {
  forger: Seat
  others: Seat[]
}

export const forgeries: [
  name: string,
  cause: MlsCause,
  forgery: (scene: Scene) => Forgery | Promise<Forgery>,
][] = [
  [
    'an unmerged leaf far outside of the tree, on which the library loops for ever',
    'bad-tree',
    () => ({
      tree: tree => {
        firstParent(tree).unmergedLeaves = [0xffff_ffff]
      },
    }),
  ],
  [
    'an unmerged leaf that is blank',
    'bad-tree',
    () => ({
      tree: tree => {
        firstParent(tree).unmergedLeaves = [7]
      },
    }),
  ],
  [
    'an unmerged leaf that is not below',
    'bad-tree',
    () => ({
      tree: tree => {
        firstParent(tree).unmergedLeaves = [5]
      },
    }),
  ],
  [
    'another parent hash',
    'not-authentic',
    () => ({
      tree: tree => {
        firstParent(tree).parentHash = new Uint8Array(64)
      },
    }),
  ],
  [
    'another key in a parent',
    'not-authentic',
    () => ({
      tree: tree => {
        firstParent(tree).hpkePublicKey[5]! ^= 1
      },
    }),
  ],
  ['another tree hash', 'not-authentic', () => ({ info: { treeHash: new Uint8Array(64) } })],
  [
    'a wrong signature of a leaf',
    'not-authentic',
    () => ({
      tree: tree => {
        leafAt(tree, 1).signature[0]! ^= 1
      },
    }),
  ],
  [
    'a credential that does not verify',
    'bad-credential',
    async ({ others }) => {
      const liar = await newDevice('liar')
      const leaf = await forgedLeaf(liar, others[0]!.device.identity)
      return {
        tree: tree => {
          tree[6 * 2] = { nodeType: 'leaf', leaf }
        },
      }
    },
  ],
  [
    'the same device twice',
    'bad-tree',
    () => ({
      tree: tree => {
        tree[6 * 2] = tree[1 * 2]
      },
    }),
  ],
  [
    'leaves where parents belong',
    'bad-tree',
    ({ forger }) => ({
      encodedTree: encodedNodes(
        forger.state.ratchetTree.map((node, at) => (at === 1 ? forger.state.ratchetTree[2] : node)),
      ),
    }),
  ],
  ['a tree of 65,535 leaves', 'too-many-members', ({ forger }) => ({ encodedTree: wideTree(forger) })],
  [
    'no leaf of ours',
    'bad-tree',
    () => ({
      tree: tree => {
        // And no parents above it, whose hashes would be other ones.
        for (const node of [5 * 2, 9, 11, 7]) tree[node] = undefined
      },
    }),
  ],
  ['a signer that is not there', 'bad-tree', () => ({ signer: 0xffff_ffff })],
  ['a signer that did not sign', 'not-authentic', () => ({ signer: 1 })],
  [
    'an extension by which outsiders may propose',
    'unsupported',
    () => ({
      info: { extensions: [{ extensionType: 'external_senders', extensionData: new Uint8Array() }] },
    }),
  ],
  [
    'one beside the settings',
    'unsupported',
    () => ({
      info: {
        extensions: [SETTINGS, { extensionType: 'external_senders', extensionData: new Uint8Array() }],
      },
    }),
  ],
  ['settings twice', 'unsupported', () => ({ info: { extensions: [SETTINGS, SETTINGS] } })],
  [
    'settings that are too long',
    'unsupported',
    () => ({
      info: { extensions: [{ ...SETTINGS, extensionData: new Uint8Array(MAX_SETTINGS_BYTES + 1) }] },
    }),
  ],
  [
    'settings in a group with a member that cannot have them',
    'bad-tree',
    async () => {
      const old = await newDevice('old')
      const leaf = await forgedLeaf(old, old.identity)
      return {
        info: { extensions: [SETTINGS] },
        tree: tree => {
          tree[6 * 2] = { nodeType: 'leaf', leaf }
        },
      }
    },
  ],
  [
    'a member that could not read settings, in a group that has none yet',
    'unsupported',
    async () => {
      const old = await newDevice('old')
      const leaf = await forgedLeaf(old, old.identity)
      return {
        tree: tree => {
          tree[6 * 2] = { nodeType: 'leaf', leaf }
          // As if it had just been added.
          for (const above of [13, 11, 7].map(node => tree[node]))
            if (above?.nodeType === 'parent') above.parent.unmergedLeaves.push(6)
        },
      }
    },
  ],
  ['data for those who join twice', 'unsupported', () => ({ extensions: [JOINER, JOINER] })],
  [
    'data for those who join that are too long',
    'unsupported',
    () => ({ extensions: [{ ...JOINER, extensionData: new Uint8Array(MAX_JOINER_BYTES + 1) }] }),
  ],
  ['another suite in the group', 'unsupported', () => ({ info: { cipherSuite: FAST_SUITE } })],
  [
    'a path secret that does not fit the tree',
    'not-authentic',
    () => ({ secrets: { pathSecret: new Uint8Array(64) } }),
  ],
  [
    'a pre-shared key',
    'unsupported',
    () => ({
      secrets: {
        psks: [{ psktype: 'external', pskId: new Uint8Array(4), pskNonce: new Uint8Array(64) }],
      },
    }),
  ],
]

function firstParent(tree: RatchetTree) {
  const node = tree.find(candidate => candidate?.nodeType === 'parent')
  if (node?.nodeType !== 'parent') throw new Error('no parent in this tree')
  return node.parent
}

function leafAt(tree: RatchetTree, leaf: number) {
  const node = tree[leaf * 2]
  if (node?.nodeType !== 'leaf') throw new Error('no such leaf')
  return node.leaf
}

/** Blank nodes take one byte each: many fit where few members do. */
function wideTree(forger: Seat): Uint8Array {
  const nodes: RatchetTree = new Array(131_069).fill(undefined)
  nodes[nodes.length - 1] = forger.state.ratchetTree[0]
  return encodedNodes(nodes)
}

/** As a ratchet_tree extension holds them (RFC 9420 section 12.4.3.3), whatever they are. */
function encodedNodes(nodes: RatchetTree): Uint8Array {
  const encoded = nodes.map(node => (node === undefined ? Uint8Array.of(0) : [1, ...encodeNode(node)]))
  const body = encoded.flatMap(bytes => [...bytes])
  const length = new DataView(new ArrayBuffer(4))
  length.setUint32(0, (0b10 << 30) | body.length)
  return new Uint8Array(Buffer.concat([new Uint8Array(length.buffer), Uint8Array.from(body)]))
}
