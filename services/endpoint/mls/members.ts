import type { DeviceKey } from '../../protocol/keys.js'
import { equalBytes } from './codec.js'
import { leafDataOf } from './extensions.js'
import type { LeafNode, RatchetTree } from './library.js'

/** The owner that a leaf names. */
export interface Candidate {
  /** An encoded SignedDeviceCertificate. */
  identity: Uint8Array
  /** The device's: whoever checks the identity holds it against that (validate-credential.ts). */
  signatureKey: DeviceKey
  /** The leaf says this, too, signed by its owner. None: it says nothing. */
  leafData?: Uint8Array
}

/** A device in a group. */
export interface Member extends Candidate {
  /** Its place in the group; free for another device once it has left. */
  leaf: number
}

/** Every other node of a ratchet tree is a leaf (RFC 9420 section 4.1). */
export const nodeOfLeaf = (leaf: number) => leaf * 2

export function candidate(leaf: LeafNode): Candidate | undefined {
  if (leaf.credential.credentialType !== 'basic') return undefined
  const { identity } = leaf.credential
  const leafData = leafDataOf(leaf)
  const signatureKey = leaf.signaturePublicKey as DeviceKey
  return { identity, signatureKey, ...(leafData && { leafData }) }
}

export function memberAt(tree: RatchetTree, leaf: number): Member | undefined {
  const node = tree[nodeOfLeaf(leaf)]
  const who = node?.nodeType === 'leaf' ? candidate(node.leaf) : undefined
  return who && { leaf, ...who }
}

/** All members in the order of their leaves. */
export function membersOf(tree: RatchetTree): Member[] {
  const members: Member[] = []
  for (let leaf = 0; nodeOfLeaf(leaf) < tree.length; leaf++) {
    const member = memberAt(tree, leaf)
    if (member !== undefined) members.push(member)
  }
  return members
}

/** Whether the owner is the same, whatever else the leaves say. */
export function sameCandidate(a: Candidate, b: Candidate): boolean {
  return equalBytes(a.identity, b.identity) && equalBytes(a.signatureKey, b.signatureKey)
}
