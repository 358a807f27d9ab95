// One group of devices: whether this device still has its state, and whether the others agree with it.

import { GroupStatus, type Sender } from '../../../gen/parley/vault/v1/records_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { Context } from '../context.js'
import type { LiveGroup } from '../groups/groups.js'
import { askToRejoin } from '../groups/rejoin.js'
import { askAgain } from '../messages/content/resend-request.js'
import { forget } from '../messages/missing.js'
import type { Outbox } from '../messages/outbox.js'
import { counted, type Diagnosis, type Finding, momentOf } from './finding.js'

type Draft = Omit<Finding, 'area' | 'peer'>
/** A diagnosis before it says which group it is of. */
interface Finished {
  draft: Draft
  mend?: Diagnosis['mend']
}

/** Everything about one group that has not ended. */
export function examineGroup(context: Context, outbox: Outbox, group: LiveGroup): Diagnosis[] {
  const { record } = group
  const finished = record.lost
    ? [lost(context, outbox, group), ...pointlessIntents(context, group)]
    : record.left
      ? [leaving, ...pointlessIntents(context, group)]
      : [
          agreement(context, group),
          ...stuckCommit(context, outbox, group),
          ...forks(context, group),
          ...gaps(context, outbox, group),
          ...intents(context, group),
        ]
  const peer = context.conversations.peer(record.conversation)
  return finished.map(({ draft, mend }) => ({
    finding: { area: 'conversation', peer, ...draft, about: [group.number, draft.about].join(' ').trim() },
    ...(mend ? { mend } : {}),
  }))
}

const leaving: Finished = {
  draft: {
    check: 'group',
    verdict: 'note',
    found: 'you have left; a member has still to remove this device',
  },
}

function lost(context: Context, outbox: Outbox, group: LiveGroup): Finished {
  const { rejoinAskedMs, left } = group.record
  const why = left ? 'you have left; to say so, this device' : 'this device missed a change of it and'
  const asked = rejoinAskedMs > 0n ? `, and asked for it at ${momentOf(rejoinAskedMs)}` : ''
  return {
    draft: {
      check: 'group',
      verdict: 'problem',
      found: `${why} has to be taken in again${asked}`,
      remedy: 'another member has to be connected: theirs does it by itself',
    },
    mend(batch) {
      askToRejoin(context, outbox, batch, group, { atOnce: true })
      return 'asked again to be taken in'
    },
  }
}

/** Whose devices were heard in the present epoch: they must have the same state, or nothing could be opened. */
function agreement(context: Context, group: LiveGroup): Finished {
  const { engine, account } = context
  const epoch = engine.epoch(group.state)
  const members = engine.members(group.state)
  const others = members.filter(
    ({ signatureKey }) => Buffer.compare(signatureKey, account.device.publicKey) !== 0,
  )
  const accounts = new Set(members.map(({ identity }) => parseVerifiedCertificate(identity).handle)).size
  const unheard = others.filter(({ signatureKey }) => heardIn(group, signatureKey)?.heardEpoch !== epoch)
  const found = [
    `epoch ${epoch}, ${counted(accounts, 'account')} with ${counted(members.length, 'device')}`,
    ...(others.length > 0
      ? [`${others.length - unheard.length} of ${others.length} others heard in it`]
      : []),
    ...(unheard.length > 0 ? [`not yet: ${unheardTold(group, unheard)}`] : []),
  ].join('; ')
  return { draft: { check: 'group', verdict: 'well', found } }
}

/** Named in the line at most. */
const NAMED = 5

function unheardTold(
  group: LiveGroup,
  unheard: readonly { identity: Uint8Array; signatureKey: Uint8Array }[],
) {
  const names = unheard.slice(0, NAMED).map(({ identity, signatureKey }) => {
    const at = heardIn(group, signatureKey)?.heardAtMs ?? 0n
    return `${parseVerifiedCertificate(identity).handle} (${at > 0n ? `last ${momentOf(at)}` : 'never'})`
  })
  const more = unheard.length - names.length
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const nameOf = (deviceId: Uint8Array) => Buffer.from(deviceId).toString('hex')

function heardIn({ senders }: LiveGroup, deviceId: Uint8Array): Sender | undefined {
  return senders.get(nameOf(deviceId))?.sender
}

/** A commit of ours that is waited for and is not on its way: nothing would ever be committed again. */
function stuckCommit(context: Context, outbox: Outbox, group: LiveGroup): Finished[] {
  const isOut = outbox.items().some(({ item }) => item.group === group.number && item.what.case === 'commit')
  if (isOut) return []
  const isCreating = group.record.status === GroupStatus.CREATING
  if (!group.pending && !isCreating) return []
  return [
    {
      draft: {
        check: 'commit',
        verdict: 'problem',
        found: 'a change of it was made here and never sent',
      },
      mend(batch) {
        context.groups.savePending(batch, group, undefined)
        if (isCreating) group.record.status = GroupStatus.ENDED
        context.groups.save(batch, group)
        return isCreating
          ? 'given up; the conversation is opened anew'
          : 'given up; it is made anew if it is due'
      },
    },
  ]
}

/** Who was shown another course of the conversation than this device. */
function forks(context: Context, group: LiveGroup): Finished[] {
  const epoch = context.engine.epoch(group.state)
  const differing = [...group.senders.values()].filter(({ sender }) => sender.differedAtMs > 0n)
  return differing.map(({ sender }) => {
    const about = nameOf(sender.deviceId)
    const found = `${handleOf(context, group, sender)} was shown another course of it than this device, as of ${momentOf(sender.differedAtMs)}`
    if (sender.differedEpoch < epoch)
      return { draft: { check: 'course', about, verdict: 'note', found: `${found}; nothing since` } }
    const remedy = 'compare what you see with them by another way, and ask the operator'
    return { draft: { check: 'course', about, verdict: 'problem', found, remedy } }
  })
}

/** What did not arrive is asked for again where its sender is still there. */
function gaps(context: Context, outbox: Outbox, group: LiveGroup): Finished[] {
  const members = new Set(context.engine.members(group.state).map(({ signatureKey }) => nameOf(signatureKey)))
  return [...group.senders.values()]
    .filter(({ sender }) => sender.missing.length > 0)
    .map((known): Finished => {
      const { deviceId, missing } = known.sender
      const about = nameOf(deviceId)
      const found = `${missing.length} of what ${handleOf(context, group, known.sender)} sent did not arrive`
      if (members.has(nameOf(deviceId)))
        return {
          draft: {
            check: 'gap',
            about,
            verdict: 'problem',
            found,
            remedy: 'their device has to be connected',
          },
          async mend(batch) {
            await askAgain(context, outbox, batch, group, { deviceId, counts: missing })
            return 'asked for it again'
          },
        }
      return {
        draft: {
          check: 'gap',
          about,
          verdict: 'note',
          found: `${found}, and that device is not in it any more`,
        },
        mend(batch) {
          forget(known, [...missing])
          context.groups.saveSender(batch, group, known)
          return 'it is not waited for any more; the history shows where it was'
        },
      }
    })
}

function handleOf({ engine }: Context, group: LiveGroup, { deviceId }: Sender): string {
  const member = engine
    .members(group.state)
    .find(({ signatureKey }) => Buffer.compare(signatureKey, deviceId) === 0)
  return member ? parseVerifiedCertificate(member.identity).handle : 'somebody who has left'
}

function intents(context: Context, group: LiveGroup): Finished[] {
  const count = context.intents.of(group).length
  if (count === 0) return []
  const found = `${counted(count, 'change')} of it waits to be made`
  return [{ draft: { check: 'changes', verdict: 'note', found } }]
}

/** Of a group in which this device changes nothing any more. */
export function pointlessIntents(context: Context, group: LiveGroup): Finished[] {
  const count = context.intents.of(group).length
  if (count === 0) return []
  return [
    {
      draft: {
        check: 'changes',
        verdict: 'note',
        found: `${counted(count, 'change')} of it can not be made any more`,
      },
      mend(batch) {
        context.intents.dropAll(batch, group)
        return 'given up'
      },
    },
  ]
}
