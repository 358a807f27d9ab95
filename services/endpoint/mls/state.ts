// A group's state on disk: one blob for each epoch, and after that, for each message, only
// the one ratchet that the message turned. So the cost of a message does not grow with the group.

import { attempt } from './codec.js'
import { type MlsContext, RETAINED_EPOCHS } from './context.js'
import {
  type ClientState,
  ciphersuites,
  decodeGroupState,
  decodeSecretTreeNode,
  type EpochReceiverData,
  encode,
  encodeGroupState,
  type GenerationSecret,
  type SecretTree,
  type SecretTreeNode,
  secretTreeNodeEncoder,
} from './library.js'
import { memberAt, nodeOfLeaf } from './members.js'
import { concat } from './primitives/kdf.js'
import { twoBytes } from './primitives/labeled.js'
import { MlsRefused } from './refused.js'

/** First byte of a saved state; it stands for the encoding of ts-mls 1.x. */
const STATE_FORMAT = 1
/** Bytes before the library's own encoding: the format, and the suite's number. */
const HEADER_LENGTH = 3

/** The sender's ratchet that a message turned. */
export interface RatchetPlace {
  epoch: bigint
  leaf: number
}

export function save(context: MlsContext, state: ClientState): Uint8Array {
  return concat(header(context), encodeGroupState(state))
}

/** @throws MlsRefused('damaged') */
export function load(context: MlsContext, bytes: Uint8Array): ClientState {
  // A copy, because decoding makes views: a wiped secret must not punch holes into the caller's blob.
  const body = bytes.slice(HEADER_LENGTH)
  const decoded = attempt(() => decodeGroupState(body, 0))
  const intact =
    Buffer.compare(bytes.subarray(0, HEADER_LENGTH), header(context)) === 0 && decoded?.[1] === body.length
  if (!decoded || !intact) throw new MlsRefused('damaged')
  const state = { ...decoded[0], clientConfig: context.config }
  const consistent =
    state.groupContext.cipherSuite === context.suite.name &&
    state.secretTree.length === state.ratchetTree.length &&
    memberAt(state.ratchetTree, state.privatePath.leafIndex) !== undefined
  if (!consistent) throw new MlsRefused('damaged')
  return state
}

function header(context: MlsContext): Uint8Array {
  return concat(Uint8Array.of(STATE_FORMAT), twoBytes(ciphersuites[context.suite.name]))
}

/**
 * The one ratchet that changed, to be saved with its place.
 *
 * @throws MlsRefused('damaged') for a place that the state does not have.
 */
export function delta(state: ClientState, place: RatchetPlace): Uint8Array {
  const node = secretTreeOf(state, place)[nodeOfLeaf(place.leaf)]
  if (node === undefined) throw new MlsRefused('damaged')
  return encode(secretTreeNodeEncoder)(node)
}

/** @throws MlsRefused('damaged') */
export function applyDelta(state: ClientState, place: RatchetPlace, bytes: Uint8Array): ClientState {
  const copy = bytes.slice()
  const decoded = attempt(() => decodeSecretTreeNode(copy, 0))
  if (decoded === undefined || decoded[1] !== copy.length) throw new MlsRefused('damaged')
  const tree = secretTreeOf(state, place).slice()
  if (tree[nodeOfLeaf(place.leaf)] === undefined) throw new MlsRefused('damaged')
  tree[nodeOfLeaf(place.leaf)] = decoded[0]
  return withSecretTree(state, place.epoch, tree)
}

function secretTreeOf(state: ClientState, place: RatchetPlace): SecretTree {
  if (place.epoch === state.groupContext.epoch) return state.secretTree
  const past = state.historicalReceiverData.get(place.epoch)
  if (past === undefined) throw new MlsRefused('damaged')
  return past.secretTree
}

/** The state with another secret tree in one of its epochs. */
export function withSecretTree(state: ClientState, epoch: bigint, secretTree: SecretTree): ClientState {
  if (epoch === state.groupContext.epoch) return { ...state, secretTree }
  const past = state.historicalReceiverData.get(epoch)
  if (past === undefined) return state
  const historicalReceiverData = new Map(state.historicalReceiverData).set(epoch, { ...past, secretTree })
  return { ...state, historicalReceiverData }
}

/**
 * Keeps what a following state needs to open late messages of the last epochs: the leaves that verify
 * them and the ratchets that open them, of the others only. Past epochs take no commits, so
 * everything that belongs to those goes.
 */
export function retainedEpochs(state: ClientState): Map<bigint, EpochReceiverData> {
  const current: EpochReceiverData = {
    resumptionPsk: new Uint8Array(),
    secretTree: state.secretTree.map((node, index) => retainedRatchet(state, node, index)),
    ratchetTree: state.ratchetTree.map((node, index) => (index % 2 === 0 ? node : undefined)),
    senderDataSecret: state.keySchedule.senderDataSecret,
    groupContext: state.groupContext,
  }
  const epochs = [...state.historicalReceiverData, [state.groupContext.epoch, current] as const]
  return new Map(epochs.sort(([a], [b]) => (a < b ? -1 : 1)).slice(-RETAINED_EPOCHS))
}

function retainedRatchet(state: ClientState, node: SecretTreeNode, index: number): SecretTreeNode {
  const others = index % 2 === 0 && index !== nodeOfLeaf(state.privatePath.leafIndex)
  return { handshake: noRatchet(), application: others ? node.application : noRatchet() }
}

function noRatchet(): GenerationSecret {
  return { secret: new Uint8Array(), generation: 0, unusedGenerations: {} }
}

/**
 * Without the private keys of nodes that are blank now: the library keeps them, and whoever steals
 * them could read what was once sent to those nodes.
 */
export function withoutOldKeys(state: ClientState): ClientState {
  const { ratchetTree, privatePath } = state
  const kept = Object.entries(privatePath.privateKeys).filter(
    ([node]) => ratchetTree[Number(node)] !== undefined,
  )
  return { ...state, privatePath: { ...privatePath, privateKeys: Object.fromEntries(kept) } }
}

/** The secrets of a state that are of no use once the following one is in force. */
export function leftSecrets(state: ClientState): Uint8Array[] {
  return [state.keySchedule.initSecret, ...state.secretTree.map(node => node.handshake.secret)]
}
