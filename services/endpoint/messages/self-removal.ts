// A person leaves a room: it is said, behind what was typed before, and another member commits it.

import { makeLeave } from '../../protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import { crypto } from '../crypto.js'
import { needsFreshKeys } from '../groups/state/fresh-keys.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { transition } from '../groups/transition.js'
import type { Transaction } from '../vault/records.js'
import { stateLost } from './rejoin-requests.js'
import type { MessageParts } from './sealing/parts.js'
import { sealBody, sealLine } from './sealing/seal.js'
import { waitingLines } from './sealing/unsent.js'
import { move } from './transition.js'

/** From here on nothing of the group is shown. */
export async function leaveGroup(parts: MessageParts, tx: Transaction, group: LiveGroup): Promise<void> {
  const { record, held } = group
  const typed = waitingLines(parts).filter(({ conversation }) => conversation === record.conversation)
  if (can(group.phase, 'send')) for (const id of typed) await sealLine(parts, tx, group, id)
  move(parts, tx, group, { input: 'leave', alone: held.state.members.length < 2 })
  await sealLeave(parts, tx, group)
}

/** Says that this account leaves, where that is due and this device has the state to say it with. */
export async function sealLeave(parts: MessageParts, tx: Transaction, group: LiveGroup): Promise<void> {
  if (!can(group.phase, 'say-leave')) return
  // A device that leaves commits nothing: it is added again with keys that nobody has used, to say it with those.
  if (needsFreshKeys(group)) return stateLost(parts, tx, group)
  transition(parts, tx, group, { input: 'leave-sealed' })
  const { account, device, certificate } = parts.account
  const { state } = group.held
  const added = memberOf(state, account.publicKey)?.added
  if (!added) return
  const statement = makeLeave(crypto, { conversationId: state.id, added, device, certificate })
  await sealBody(parts, tx, group, { case: 'leave', value: { statement } })
}
