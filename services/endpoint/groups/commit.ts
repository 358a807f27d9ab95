// A commit at its place in the order: another member's is checked and opened, this device's own takes effect.

import type { DeliveredCommit } from '../../../gen/parley/v1/chat_pb.js'
import { toHex } from '../../protocol/bytes.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { notOpened } from '../codes/unreadable.js'
import type { AccountKey, IntentNumber } from '../ids.js'
import { type JudgedChange, wipe } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import type { KnownSystemMessage, KnownUnreadable } from '../vault/said.js'
import { linesOf, type MemberChange, ownChange } from './commit-lines.js'
import { commitSigner } from './heads.js'
import type { Intent } from './intent-list.js'
import { forgetDevices } from './intents.js'
import { membershipOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { type Breach, breachOf, type Membership } from './policy.js'
import { withoutRequests } from './rejoin-basis.js'
import { can } from './state/group.js'
import type { LiveGroup } from './state/groups.js'
import { type OuterEffect, transition } from './transition.js'

/** A group has come into a new epoch. */
export interface NewEpoch {
  before: Membership
  after: Membership
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
  /** Every member refuses it, and no state is lost by it. */
  | { outcome: 'against-rules'; from: AccountKey }
  /** No member has signed it: the server lies, and no state is lost by it. */
  | { outcome: 'not-signed' }
  /** The state of this device is of no use any more. */
  | { outcome: 'not-opened'; why: KnownUnreadable }

export async function takeCommit(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  delivered: DeliveredCommit,
): Promise<CommitOutcome> {
  const { commit, rosterChange } = delivered
  const signer = commitSigner(parts, group, delivered)
  if (!signer) return { outcome: 'not-signed' }
  const before = membershipOf(parts, group)
  let refused: { change: JudgedChange; breach: Breach } | undefined
  let isSigners = true
  const opened = await parts.engine.open(group.state, commit, change => {
    isSigners = sameKey(change.committer.signatureKey, signer)
    if (!isSigners) return false
    const breach = breachOf(before, change)
    if (breach !== undefined) refused = { change, breach }
    return breach === undefined
  })
  if (!isSigners) return { outcome: 'not-signed' }
  if (opened.kind === 'removed') return endRemoved(parts, tx, group, opened.committer)
  if (refused) return refuseBroken(parts, tx, group, refused)
  if (opened.kind !== 'commit') return { outcome: 'not-opened', why: notOpened(opened) }
  parts.groups.enter(tx, group, opened.state)
  tx.after(() => wipe(opened.spent))
  const epoch = enterEpoch(parts, tx, group, { before, change: opened })
  // Ours lost, if there was one; the rejection follows, and what it was for comes up again.
  transition(parts, tx, group, { input: 'commit-applied' })
  const added = opened.added.map(({ signatureKey }) => signatureKey)
  const removed = opened.removed.map(({ signatureKey }) => signatureKey)
  const claimed = rosterChange ?? { addedDeviceIds: [], removedDeviceIds: [] }
  const isAsClaimed =
    sameDevices(added, claimed.addedDeviceIds) && sameDevices(removed, claimed.removedDeviceIds)
  return { outcome: 'applied', isAsClaimed, ...epoch }
}

/** A commit of ours was accepted. undefined: it was given up here. */
export function adopt(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  intents: readonly IntentNumber[],
): (NewEpoch & { effects: readonly OuterEffect[] }) | undefined {
  const { pending } = group
  if (!pending || !can(group.phase, 'adopt')) return undefined
  const before = membershipOf(parts, group)
  const { state, spent } = parts.engine.adopt(group.state, pending)
  tx.after(() => wipe(spent))
  parts.groups.enter(tx, group, state)
  const again = intents.flatMap(id => devicesToAdd(parts.intents.get(group, id)))
  for (const id of intents) parts.intents.drop(tx, group, id)
  const change = ownChange(parts, group, { before, again })
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
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { before, change }: { before: Membership; change: MemberChange },
): NewEpoch {
  const { record } = group
  const removed = change.removed.map(({ signatureKey }) => signatureKey)
  const added = change.added.map(({ signatureKey }) => signatureKey)
  const out = removed.filter(device => !includesKey(added, device))
  parts.groups.change(tx, group, {
    leavingDeviceIds: record.leavingDeviceIds.filter(device => !includesKey(out, device)),
    rejoinRequests: withoutRequests(record.rejoinRequests, removed),
  })
  const isOurs = sameKey(change.committer.signatureKey, parts.account.device.publicKey)
  forgetDevices(parts, tx, group, { removed, out })
  const after = membershipOf(parts, group)
  return { before, after, change, isOurs, lines: linesOf(parts, before, after, change) }
}

function endRemoved(
  parts: Pick<GroupParts, 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  committer: MemberChange['committer'],
): CommitOutcome {
  const effects = transition(parts, tx, group, { input: 'removed' })
  return { outcome: 'removed', by: parseVerifiedCertificate(committer.identity).accountKey, effects }
}

/** A mere removal may have had a reason that was not delivered here: whoever it was asks to be taken in again. */
function refuseBroken(
  parts: Pick<GroupParts, 'groups'>,
  tx: Transaction,
  group: LiveGroup,
  { change: { committer }, breach }: { change: JudgedChange; breach: Breach },
): CommitOutcome {
  const from = parseVerifiedCertificate(committer.identity).accountKey
  if (breach === 'powers') parts.groups.change(tx, group, { brokenBy: from })
  return { outcome: 'against-rules', from }
}

function sameDevices(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const names = (devices: readonly Uint8Array[]) => devices.map(toHex).sort().join()
  return names(a) === names(b)
}
