// A commit at its place in the order: another member's is judged and opened, this device's own takes effect.

import type { DeliveredCommit } from '../../../gen/parley/v1/chat_pb.js'
import { toHex } from '../../protocol/bytes.js'
import { type CommitVerdict, judgeCommit } from '../../protocol/conversation/commit-verdict.js'
import { IdentityError } from '../../protocol/error.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { notOpened } from '../codes/unreadable.js'
import { crypto } from '../crypto.js'
import type { AccountKey, IntentNumber } from '../ids.js'
import { type JudgedChange, type Member, type Opened, wipe } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import type { KnownSystemMessage, KnownUnreadable } from '../vault/said.js'
import { linesOf, type MemberChange, ownChange } from './commit-lines.js'
import { type CommitSigner, commitSigner } from './heads.js'
import type { Intent } from './intent-list.js'
import { forgetDevices } from './intents.js'
import type { GroupParts } from './parts.js'
import { can } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { atState, type Held, leafOf, newLeafOf } from './state/held.js'
import { withoutRequests } from './state/open-requests.js'
import { type OuterEffect, transition } from './transition.js'

/** A group has come into a new epoch. */
export interface NewEpoch {
  before: Held
  after: Held
  change: MemberChange
  /** This device has made the commit. */
  isOurs: boolean
  lines: readonly KnownSystemMessage[]
}

type CommitOutcome =
  /** `isAsClaimed`: the server delivers to the devices that the commit says. */
  | ({ outcome: 'applied'; isAsClaimed: boolean } & NewEpoch)
  /** It has taken this device out. */
  | { outcome: 'removed'; by: AccountKey; effects: readonly OuterEffect[] }
  /** Every member refuses it, and a device of this account has signed it: the server takes no other one in its place. */
  | { outcome: 'broken'; from: AccountKey }
  /** A device of this account has signed it, and says that it has another state of the group than this one. */
  | { outcome: 'parted'; from: AccountKey }
  /** No member has signed it: the server lies, and no state is lost by it. */
  | { outcome: 'not-signed' }
  /** The state of this device is of no use any more. `from`: perhaps by a commit of this account, which is of now. */
  | { outcome: 'not-opened'; why: KnownUnreadable; from?: AccountKey }

type CommitParts = Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>

export async function takeCommit(
  parts: CommitParts,
  tx: Transaction,
  group: LiveGroup,
  delivered: DeliveredCommit,
): Promise<CommitOutcome> {
  const { commit, rosterChange } = delivered
  const signer = commitSigner(parts, group, delivered)
  if (!signer) return { outcome: 'not-signed' }
  const { held: before } = group
  // A commit of before, delivered again.
  if (delivered.epoch < before.epoch) return { outcome: 'not-signed' }
  let verdict: CommitVerdict | undefined
  const opened = await parts.engine.open(group.state, commit, change => {
    // Another member's, which the signer has sent as its own, is nobody's.
    if (!sameKey(change.committer.signatureKey, signer.member.signatureKey)) return false
    verdict = judge(before, change)
    return verdict.isTaken
  })
  if (opened.kind === 'removed') return endRemoved(parts, tx, group, opened.committer)
  if (opened.kind !== 'commit' || !verdict?.isTaken)
    return notTaken(opened, { signer, isOfNow: delivered.epoch === before.epoch })
  const entries = verdict.entries.length > 0 ? [...before.entries, ...verdict.entries] : before.entries
  const after = atState(parts.engine, { ...verdict.after, entries }, opened.state)
  parts.groups.enter(tx, group, { state: opened.state, held: after })
  tx.after(() => wipe(opened.spent))
  const added = opened.added.map(({ signatureKey }) => signatureKey)
  const removed = opened.removed.map(({ signatureKey }) => signatureKey)
  const by = parseVerifiedCertificate(signer.member.identity).accountKey
  const change = { committer: signer.member.signatureKey, by, added, removed, entries: verdict.entries }
  const epoch = enterEpoch(parts, tx, group, { before, change })
  // Ours lost, if there was one; the rejection follows, and what it was for comes up again.
  transition(parts, tx, group, { input: 'commit-applied' })
  const claimed = rosterChange ?? { addedDeviceIds: [], removedDeviceIds: [] }
  const isAsClaimed =
    sameDevices(added, claimed.addedDeviceIds) && sameDevices(removed, claimed.removedDeviceIds)
  return { outcome: 'applied', isAsClaimed, ...epoch }
}

/** By the commit and the group alone, so that all members decide alike. */
function judge(held: Held, change: JudgedChange): CommitVerdict {
  const { committer, leafData, settings, authenticatedData, added, removed } = change
  try {
    return judgeCommit(crypto, held, {
      committer: committer.signatureKey,
      path: leafOf({ ...committer, ...(leafData && { leafData }) }),
      groupState: settings,
      basis: authenticatedData,
      added: added.map(newLeafOf),
      removed: removed.map(({ signatureKey }) => signatureKey),
    })
  } catch (error) {
    // A newcomer's certificate is at fault: the engine asks before it has verified that.
    if (error instanceof IdentityError) return { isTaken: false, why: { code: 'malformed' } }
    throw error
  }
}

/**
 * A fault that all members see is the signer's doing, if it says that it is of the present epoch; one that is perhaps only
 * seen here costs this device its state, as a commit that it has missed does.
 */
function notTaken(
  opened: Opened,
  { signer, isOfNow }: { signer: CommitSigner; isOfNow: boolean },
): CommitOutcome {
  const why = notOpened(opened)
  if (!isOfNow) return { outcome: 'not-opened', why }
  const from = parseVerifiedCertificate(signer.member.identity).accountKey
  if (opened.kind === 'refused' && opened.perhapsOnlyHere) return { outcome: 'not-opened', why, from }
  // It did not open here, and perhaps does for those who have the state that it was made from.
  const isTheirs = opened.kind === 'refused' && opened.by === undefined && !signer.hasOurState
  return isTheirs ? { outcome: 'parted', from } : { outcome: 'broken', from }
}

/** A commit of ours was accepted. undefined: it was given up here. */
export function adopt(
  parts: CommitParts,
  tx: Transaction,
  group: LiveGroup,
  intents: readonly IntentNumber[],
): (NewEpoch & { effects: readonly OuterEffect[] }) | undefined {
  const { pending, held: before } = group
  if (!pending || !can(group.phase, 'adopt')) return undefined
  const { state, spent } = parts.engine.adopt(group.state, pending)
  tx.after(() => wipe(spent))
  const after = group.heldAfter(state)
  parts.groups.enter(tx, group, { state, held: after })
  const again = intents.flatMap(id => devicesToAdd(parts.intents.get(group, id)))
  for (const id of intents) parts.intents.drop(tx, group, id)
  const entries = after.entries.slice(before.entries.length)
  const change = { ...ownChange(parts, group, { before: before.leaves, again }), entries }
  const epoch = enterEpoch(parts, tx, group, { before, change })
  parts.groups.change(tx, group, {
    committedAtMs: BigInt(parts.clock.now()),
    sealedSinceCommit: 0n,
  })
  return { ...epoch, effects: transition(parts, tx, group, { input: 'commit-won' }) }
}

const devicesToAdd = (intent: Intent | undefined): readonly DeviceKey[] =>
  intent?.change.case === 'addDevices' ? intent.change.value.deviceIds : []

function enterEpoch(
  parts: CommitParts,
  tx: Transaction,
  group: LiveGroup,
  { before, change }: { before: Held; change: MemberChange },
): NewEpoch {
  const { record, held: after } = group
  const { added, removed } = change
  parts.groups.change(tx, group, {
    goneDeviceIds: record.goneDeviceIds.filter(device => !includesKey(removed, device)),
    rejoinRequests: withoutRequests(record.rejoinRequests, removed),
  })
  forgetDevices(parts, tx, group, [...removed, ...added])
  const isOurs = sameKey(change.committer, parts.account.device.publicKey)
  return { before, after, change, isOurs, lines: linesOf(parts, before, after, change) }
}

function endRemoved(
  parts: Pick<GroupParts, 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  committer: Member,
): CommitOutcome {
  const effects = transition(parts, tx, group, { input: 'removed' })
  return { outcome: 'removed', by: parseVerifiedCertificate(committer.identity).accountKey, effects }
}

function sameDevices(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const names = (devices: readonly Uint8Array[]) => devices.map(toHex).sort().join()
  return names(a) === names(b)
}
