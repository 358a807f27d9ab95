import { equalBytes } from './codec.js'
import { MAX_MEMBERS, type MlsContext } from './context.js'
import { checkedKeyPackage } from './key-package.js'
import {
  type ClientState,
  createCommit,
  emptyPskIndex,
  encodeMlsMessage,
  type KeyPackage,
  type Proposal,
} from './library.js'
import { memberAt, membersOf } from './members.js'
import { asRefused, type MlsCause, MlsRefused, refusing } from './refused.js'
import { proposalOfSettings } from './settings.js'
import { leftSecrets, load, retainedEpochs, save, withoutOldKeys } from './state.js'

/** None of them is an update: it only renews the committer's own keys. Of the three, one at a time. */
export interface CommitChange {
  /** Encoded key packages. */
  add?: Uint8Array[]
  /** Leaves. */
  remove?: number[]
  /** These take the place of the group's settings. Renews no keys. */
  settings?: Uint8Array
}

export interface Commit {
  /** The next state, saved; secret. For adopt() once the server has accepted the commit. */
  pending: Uint8Array
  commit: Uint8Array
  /** For the devices added. Release it only after the server has accepted the commit. */
  welcome?: Uint8Array
  /** Places in `add` of the key packages that were left out, and why. */
  refused: { index: number; cause: MlsCause }[]
}

export interface Adopted {
  state: ClientState
  /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
  spent: Uint8Array[]
}

/**
 * Makes a commit and leaves `state` as it is: it stays in force until the server has accepted the
 * commit. A key package that is no good does not fail the commit for the others.
 *
 * @throws MlsRefused: bad-change, too-many-members or no-usable-key-package
 */
export async function commit(context: MlsContext, state: ClientState, change: CommitChange): Promise<Commit> {
  const { add = [], remove = [], settings } = change
  // The library mishandles a commit that adds and removes, for the member whose leaf is refilled.
  const kinds = [add.length > 0, remove.length > 0, settings !== undefined]
  if (kinds.filter(Boolean).length > 1) throw new MlsRefused('bad-change')
  const resettings = settings === undefined ? [] : [proposalOfSettings(settings)]
  const removals = proposalsToRemove(state, remove)
  const { additions, refused } = await proposalsToAdd(context, state, add)
  const made = await refusing('bad-change', () =>
    createCommit(
      { state, cipherSuite: context.suite, pskIndex: emptyPskIndex },
      { extraProposals: [...additions, ...removals, ...resettings], ratchetTreeExtension: true },
    ),
  )
  // Without past epochs: until adopt() they go on changing in `state`, and a copy made now would
  // keep keys on disk that are gone by then.
  const next = { ...withoutOldKeys(made.newState), historicalReceiverData: new Map() }
  const { welcome } = made
  return {
    pending: save(context, next),
    commit: encodeMlsMessage(made.commit),
    ...(welcome && {
      welcome: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome }),
    }),
    refused,
  }
}

/**
 * The commit won: the state of the next epoch. Late messages of the epoch left are opened from
 * where `state` has got by now.
 *
 * @throws MlsRefused: damaged, or stale-pending
 */
export function adopt(context: MlsContext, state: ClientState, pending: Uint8Array): Adopted {
  const next = load(context, pending)
  const follows =
    equalBytes(next.groupContext.groupId, state.groupContext.groupId) &&
    next.groupContext.epoch === state.groupContext.epoch + 1n
  if (!follows) throw new MlsRefused('stale-pending')
  return { state: { ...next, historicalReceiverData: retainedEpochs(state) }, spent: leftSecrets(state) }
}

function proposalsToRemove(state: ClientState, leaves: number[]): Proposal[] {
  const present = leaves.every(leaf => memberAt(state.ratchetTree, leaf) !== undefined)
  const distinct = new Set(leaves).size === leaves.length
  if (!present || !distinct || leaves.includes(state.privatePath.leafIndex))
    throw new MlsRefused('bad-change')
  return leaves.map(removed => ({ proposalType: 'remove', remove: { removed } }))
}

async function proposalsToAdd(
  context: MlsContext,
  state: ClientState,
  encoded: Uint8Array[],
): Promise<{ additions: Proposal[]; refused: Commit['refused'] }> {
  const additions: Proposal[] = []
  const refused: Commit['refused'] = []
  const taken = keysInUse(state)
  for (const [index, bytes] of encoded.entries()) {
    try {
      const keyPackage = await refusing('not-authentic', () => checkedKeyPackage(context, bytes))
      claimKeys(taken, keyPackage)
      additions.push({ proposalType: 'add', add: { keyPackage } })
    } catch (error) {
      refused.push({ index, cause: asRefused(error, 'not-authentic').why })
    }
  }
  if (encoded.length > 0 && additions.length === 0) throw new MlsRefused('no-usable-key-package')
  if (membersOf(state.ratchetTree).length + additions.length > MAX_MEMBERS)
    throw new MlsRefused('too-many-members')
  return { additions, refused }
}

function keysInUse(state: ClientState): Set<string> {
  const keys = state.ratchetTree.flatMap(node => {
    if (node?.nodeType === 'parent') return [node.parent.hpkePublicKey]
    return node === undefined ? [] : [node.leaf.hpkePublicKey, node.leaf.signaturePublicKey]
  })
  return new Set(keys.map(keyName))
}

/** A device, or a key of one, that is in the group already fails the commit on every member. */
function claimKeys(taken: Set<string>, keyPackage: KeyPackage): void {
  const { signaturePublicKey, hpkePublicKey } = keyPackage.leafNode
  const names = [signaturePublicKey, hpkePublicKey].map(keyName)
  if (names.some(name => taken.has(name))) throw new MlsRefused('already-member')
  for (const name of names) taken.add(name)
}

function keyName(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}
