// One group of devices: whether this device still has its state, and whether the others agree with it.

import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { keyText, sameKey } from '../../protocol/keys.js'
import type { Context } from '../context.js'
import { accountsIn } from '../groups/membership.js'
import { can, hasLeft } from '../groups/state/group.js'
import type { LiveGroup, Sender } from '../groups/state/groups.js'
import { askAgain } from '../messages/content/resend-request.js'
import { withoutMissing } from '../messages/missing.js'
import { askAgainToRejoin } from '../messages/rejoin-requests.js'
import { move } from '../messages/transition.js'
import { type Diagnosis, dateOf, type Finding } from './finding.js'

type Draft = Omit<Finding, 'area' | 'peer'>
/** A diagnosis before it says which group it is of. */
interface Finished {
  draft: Draft
  mend?: Diagnosis['mend']
}

/** Everything about one group that has not ended. */
export function examineGroup(context: Context, group: LiveGroup): Diagnosis[] {
  const { record } = group
  const { phase } = group
  const finished =
    phase.name === 'out-of-sync'
      ? [lost(context, group), ...pointlessIntents(context, group)]
      : phase.name === 'leaving'
        ? [leaving, ...pointlessIntents(context, group)]
        : [
            agreement(context, group),
            ...stuckCommit(context, group),
            ...forks(context, group),
            ...gaps(context, group),
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
    found: { code: 'leaving' },
  },
}

function lost(context: Context, group: LiveGroup): Finished {
  const { rejoinAskedMs } = group.record
  return {
    draft: {
      check: 'group',
      verdict: 'problem',
      found: { code: 'state-lost', isLeaving: hasLeft(group.phase), askedAt: dateOf(rejoinAskedMs) },
    },
    mend(tx) {
      askAgainToRejoin(context, tx, group, { atOnce: true })
      return { code: 'asked-to-rejoin' }
    },
  }
}

/** The accounts heard in the present epoch: their devices must have the same state, or nothing could be opened. */
function agreement(
  { account, contacts, engine }: Pick<Context, 'account' | 'contacts' | 'engine'>,
  group: LiveGroup,
): Finished {
  const epoch = engine.epoch(group.state)
  const members = engine.members(group.state)
  const others = members.filter(({ signatureKey }) => !sameKey(signatureKey, account.device.publicKey))
  const accounts = accountsIn({ engine }, group).length
  const unheard = others
    .filter(({ signatureKey }) => group.sender(signatureKey).heardEpoch !== epoch)
    .map(({ identity, signatureKey }) => ({
      handle: contacts.nameOf(parseVerifiedCertificate(identity).accountKey),
      last: dateOf(group.sender(signatureKey).heardAtMs),
    }))
  const counts = { epoch, accounts, devices: members.length, others: others.length }
  return { draft: { check: 'group', verdict: 'well', found: { code: 'agreement', ...counts, unheard } } }
}

/** A commit of ours that is waited for and is not on its way: nothing would ever be committed again. */
function stuckCommit(context: Context, group: LiveGroup): Finished[] {
  const isOut = context.outbox
    .items()
    .some(({ item }) => item.group === group.number && item.what.case === 'commit')
  if (isOut) return []
  if (!can(group.phase, 'adopt')) return []
  const isCreating = group.phase.name === 'creating'
  return [
    {
      draft: {
        check: 'commit',
        verdict: 'problem',
        found: { code: 'commit-stuck' },
      },
      mend(tx) {
        move(context, tx, group, { input: 'commit-dropped' })
        return { code: isCreating ? 'gave-up-conversation' : 'gave-up-commit' }
      },
    },
  ]
}

/** The members whom the server showed another course of the conversation than this device. */
function forks(context: Pick<Context, 'contacts' | 'engine'>, group: LiveGroup): Finished[] {
  const epoch = context.engine.epoch(group.state)
  const differing = group.senders().filter(sender => sender.differedAtMs > 0n)
  return differing.map(sender => {
    const about = keyText(sender.deviceId)
    const isOver = sender.differedEpoch < epoch
    const handle = handleOf(context, group, sender)
    const found = { code: 'forked', handle, at: new Date(Number(sender.differedAtMs)), isOver } as const
    return { draft: { check: 'course', about, verdict: isOver ? 'note' : 'problem', found } }
  })
}

/** This device asks again for what did not arrive where its sender is still there. */
function gaps(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'engine' | 'groups' | 'lists' | 'outbox'>,
  group: LiveGroup,
): Finished[] {
  const members = new Set(
    context.engine.members(group.state).map(({ signatureKey }) => keyText(signatureKey)),
  )
  return group
    .senders()
    .filter(({ missing }) => missing.length > 0)
    .map((sender): Finished => {
      const { deviceId, missing } = sender
      const about = keyText(deviceId)
      const what = { handle: handleOf(context, group, sender), count: missing.length }
      if (members.has(keyText(deviceId)))
        return {
          draft: { check: 'gap', about, verdict: 'problem', found: { code: 'gap', ...what } },
          async mend(tx) {
            await askAgain(context, tx, group, { deviceId, counts: missing })
            return { code: 'asked-again' }
          },
        }
      return {
        draft: { check: 'gap', about, verdict: 'note', found: { code: 'gap-for-ever', ...what } },
        mend(tx) {
          context.groups.saveSender(tx, group, withoutMissing(group.sender(deviceId), missing))
          return { code: 'stopped-waiting' }
        },
      }
    })
}

function handleOf(
  { contacts, engine }: Pick<Context, 'contacts' | 'engine'>,
  group: LiveGroup,
  { deviceId }: Sender,
): string | undefined {
  const member = engine.members(group.state).find(({ signatureKey }) => sameKey(signatureKey, deviceId))
  return member && contacts.nameOf(parseVerifiedCertificate(member.identity).accountKey)
}

function intents(context: Pick<Context, 'intents'>, group: LiveGroup): Finished[] {
  const count = context.intents.of(group).length
  if (count === 0) return []
  return [{ draft: { check: 'changes', verdict: 'note', found: { code: 'changes-wait', count } } }]
}

/** Of a group in which this device changes nothing any more. */
export function pointlessIntents(context: Pick<Context, 'intents'>, group: LiveGroup): Finished[] {
  const count = context.intents.of(group).length
  if (count === 0) return []
  return [
    {
      draft: { check: 'changes', verdict: 'note', found: { code: 'changes-pointless', count } },
      mend(tx) {
        context.intents.dropAll(tx, group)
        return { code: 'gave-up-changes' }
      },
    },
  ]
}
