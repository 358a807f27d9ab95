// The guarded MLS engine (RFC 9420). It is pure: a state and an input go in, the next state and the
// output come out, and nothing is remembered in between, so that the caller can save before it
// sends. Its callers owe it these:
//
// - one operation at a time for each group, always from the newest state;
// - the new state is on disk before a ciphertext is sent or a plaintext is shown;
// - a ciphertext is resent as it is, never sealed again from an older state;
// - `spent` is wiped only when the new state is on disk, a pending commit adopted only when the
//   server has accepted it, and its welcome released only then.

import { type Adopted, adopt, type Commit, type CommitChange, commit } from './commit/commit.js'
import type { CommitPolicy } from './commit/receive-commit.js'
import { createContext, type MlsContext, type ValidateCredential } from './context.js'
import { groupExtensions, settingsOf } from './extensions.js'
import { type Joined, joinByWelcome, type OwnKeyPackage } from './join.js'
import {
  checkedKeyPackage,
  decodeKeyPackage,
  decodePrivate,
  type KeyPackageOptions,
  type KeyPackagePair,
  newKeyPackage,
} from './key-package.js'
import {
  type CiphersuiteName,
  type ClientState,
  type CryptoProvider,
  ciphersuites,
  createApplicationMessage,
  createGroup,
  encodeMlsMessage,
  mlsExporter,
} from './library.js'
import { type Candidate, candidate, type Member, membersOf } from './members.js'
import { type Opened, open } from './receive.js'
import { MlsRefused, refusing } from './refused.js'
import { applyDelta, delta, load, type RatchetPlace, save } from './state.js'

export { wipe } from './codec.js'
export type { JudgedChange } from './commit/change.js'
export type { Adopted, Commit, CommitChange } from './commit/commit.js'
export type { CommitPolicy } from './commit/receive-commit.js'
export { DEFAULT_SUITE, MAX_MEMBERS, type ValidateCredential } from './context.js'
export type { Joined, OwnKeyPackage } from './join.js'
export type { KeyPackageOptions, KeyPackagePair } from './key-package.js'
export type { Candidate, Member } from './members.js'
export type { Opened } from './receive.js'
export { type MlsCause, MlsRefused } from './refused.js'
export type { RatchetPlace } from './state.js'

/** One epoch of one group as one member holds it. Never changed in place; opaque to callers. */
export type GroupState = ClientState

interface Sealed {
  state: GroupState
  /** An encoded MLSMessage. Its length shows the plaintext's: pad before. */
  ciphertext: Uint8Array
  changed: RatchetPlace
  /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
  spent: Uint8Array[]
}

interface CreateOptions {
  groupId: Uint8Array
  keyPackage: OwnKeyPackage
  /** All members agree on these besides who they are; bytes, and nothing more, to the engine. At most 4 MiB and 64 KiB. */
  settings?: Uint8Array
}

export interface Engine {
  /** The number of the suite that all its groups and key packages are of (proto/parley/MLS.md). */
  readonly suite: number
  /** Valid for 30 days, and since an hour ago. */
  newKeyPackage(options: KeyPackageOptions): Promise<KeyPackagePair>
  /**
   * Checks a claimed key package: strict encoding, suite, lifetime, signatures, credential.
   * @throws MlsRefused
   */
  inspectKeyPackage(publicPackage: Uint8Array): Promise<Candidate>
  /** A group of one. @throws MlsRefused for a pair that is not one of ours, or settings too long. */
  create(options: CreateOptions): Promise<GroupState>
  /**
   * Opens a welcome in this thread, where a hostile one may hang or exhaust the memory: everyone but
   * the worker uses welcome-opener.ts.
   * @throws MlsRefused
   */
  unsafeJoinHere(welcome: Uint8Array, keyPackages: OwnKeyPackage[]): Promise<Joined>
  /**
   * First phase of a commit: `state` stays in force until the server has accepted it. Each renews our own keys,
   * an empty change only those.
   * @throws MlsRefused: bad-change, too-many-members, no-usable-key-package
   */
  commit(state: GroupState, change: CommitChange): Promise<Commit>
  /**
   * Second phase, the commit won.
   * @throws MlsRefused: damaged, stale-pending
   */
  adopt(state: GroupState, pending: Uint8Array): Adopted
  /** @throws MlsRefused('damaged') for a state that cannot seal. */
  seal(state: GroupState, plaintext: Uint8Array): Promise<Sealed>
  /** Never throws, whatever the bytes are, unless `policy` does. */
  open(state: GroupState, message: Uint8Array, policy: CommitPolicy): Promise<Opened>
  /** In the order of their leaves. */
  members(state: GroupState): Member[]
  ownLeaf(state: GroupState): number
  epoch(state: GroupState): bigint
  groupId(state: GroupState): Uint8Array
  /** As create() or the newest commit that changed them gave them; a copy. */
  settings(state: GroupState): Uint8Array | undefined
  /** `length` secret bytes that all members of this epoch derive alike, for each label others. */
  exporter(state: GroupState, label: string, length: number): Promise<Uint8Array>
  /** Equal on two members if and only if they agree on the group and all of its past. */
  epochAuthenticator(state: GroupState): Uint8Array
  /** All of it, secrets too: seal it before it goes to disk. Its size grows with the group. */
  save(state: GroupState): Uint8Array
  /** @throws MlsRefused('damaged') */
  load(bytes: Uint8Array): GroupState
  /** The change by one message, in some 140 bytes; secret. The newest of each place counts. */
  delta(state: GroupState, place: RatchetPlace): Uint8Array
  /** @throws MlsRefused('damaged') */
  applyDelta(state: GroupState, place: RatchetPlace, bytes: Uint8Array): GroupState
}

/**
 * @param options.suite and `options.provider` are for tests: all of Parley uses one of each.
 * @param options.now in ms since 1970; the system's clock unless given, at which the library itself looks in any case.
 */
export async function createEngine(options: {
  validate: ValidateCredential
  provider?: CryptoProvider
  suite?: CiphersuiteName
  now?: () => number
}): Promise<Engine> {
  const context = await createContext(options)
  return {
    suite: ciphersuites[context.suite.name],
    newKeyPackage: keyPackage => newKeyPackage(context, keyPackage),
    inspectKeyPackage: bytes => inspectKeyPackage(context, bytes),
    create: group => create(context, group),
    unsafeJoinHere: (welcome, keyPackages) => joinByWelcome(context, welcome, keyPackages),
    commit: (state, change) => commit(context, state, change),
    adopt: (state, pending) => adopt(context, state, pending),
    seal: (state, plaintext) => seal(context, state, plaintext),
    open: (state, message, policy) => open(context, state, message, policy),
    members: state => membersOf(state.ratchetTree),
    ownLeaf: state => state.privatePath.leafIndex,
    epoch: state => state.groupContext.epoch,
    groupId: state => state.groupContext.groupId,
    settings: settingsOf,
    exporter: (state, label, length) =>
      mlsExporter(state.keySchedule.exporterSecret, label, new Uint8Array(), length, context.suite),
    epochAuthenticator: state => state.keySchedule.epochAuthenticator,
    save: state => save(context, state),
    load: bytes => load(context, bytes),
    delta,
    applyDelta,
  }
}

async function inspectKeyPackage(context: MlsContext, bytes: Uint8Array): Promise<Candidate> {
  const keyPackage = await refusing('not-authentic', () => checkedKeyPackage(context, bytes))
  const who = candidate(keyPackage.leafNode)
  if (who === undefined) throw new MlsRefused('unsupported')
  return who
}

async function create(context: MlsContext, options: CreateOptions): Promise<GroupState> {
  const { publicPackage, privatePackage } = options.keyPackage
  return await createGroup(
    options.groupId,
    decodeKeyPackage(context, publicPackage),
    decodePrivate(context, privatePackage),
    groupExtensions(options.settings),
    context.suite,
    context.config,
  )
}

async function seal(context: MlsContext, state: GroupState, plaintext: Uint8Array): Promise<Sealed> {
  const sealed = await refusing('damaged', () => createApplicationMessage(state, plaintext, context.suite))
  const { privateMessage } = sealed
  return {
    state: sealed.newState,
    ciphertext: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage }),
    changed: { epoch: state.groupContext.epoch, leaf: state.privatePath.leafIndex },
    spent: sealed.consumed,
  }
}
