import { leafDataOf } from '../extensions.js'
import type { LeafNode } from '../library.js'
import type { Candidate, Member } from '../members.js'
import { candidateOf, type Provisional } from './proposals.js'

/** All that a commit says and does, for the policy to judge. The same on every member. */
export interface JudgedChange {
  /** As its leaf was before. */
  committer: Member
  /** The committer's leaf says this from now on. None: it says nothing. */
  leafData?: Uint8Array
  /** In the order in which the commit names them, as `removed`. A device that is in both is added again. */
  added: Candidate[]
  removed: Member[]
  /** The new ones, where it changes them. */
  settings?: Uint8Array
  /** Signed with the commit, and not encrypted: the server reads it. Empty for none. */
  authenticatedData: Uint8Array
}

export function changeOf(
  provisional: Provisional,
  commit: { committer: Member; leafNode: LeafNode; authenticatedData: Uint8Array },
): JudgedChange {
  const { added, removed, settings } = provisional
  const leafData = leafDataOf(commit.leafNode)
  return {
    committer: commit.committer,
    ...(leafData && { leafData }),
    added: added.map(({ keyPackage }) => candidateOf(keyPackage.leafNode)),
    removed,
    ...(settings && { settings }),
    authenticatedData: commit.authenticatedData,
  }
}
