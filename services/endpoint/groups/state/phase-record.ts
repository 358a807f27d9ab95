// A group's phase as its record has it.

import { type Group, EndReason as Why } from '../../../../gen/parley/vault/v1/records_pb.js'
import { type RecordInit, type RecordOf, recordOf } from '../../vault/records.js'
import type { EndReason, GroupPhase } from './group.js'

const WHY: Record<EndReason, Why> = {
  removed: Why.REMOVED,
  left: Why.LEFT,
  abandoned: Why.ABANDONED,
  replaced: Why.REPLACED,
  succeeded: Why.SUCCEEDED,
}

/** A phase that only a newer version knows is over for this one: nothing is sealed in it. */
export function phaseOf({ phase }: { readonly phase: Group['phase'] }): GroupPhase {
  switch (phase.case) {
    case 'creating':
    case 'active':
    case 'committing':
    case 'requested':
      return { name: phase.case }
    case 'outOfSync':
      return { name: 'out-of-sync', askDue: phase.value.askDue, leaveDue: phase.value.leaveDue }
    case 'broken':
      return { name: 'broken', succeedAtMs: Number(phase.value.succeedAtMs), leaveDue: phase.value.leaveDue }
    case 'leaving':
      return { name: 'leaving', leaveDue: phase.value.leaveDue, commitOut: phase.value.commitOut }
    default:
      return { name: 'ended', why: whyOf(phase.case === 'ended' ? phase.value.why : Why.UNSPECIFIED) }
  }
}

const whyOf = (why: Why): EndReason =>
  (Object.keys(WHY) as EndReason[]).find(reason => WHY[reason] === why) ?? 'abandoned'

/** The phase, as a field of a record. */
export function phaseRecord(phase: GroupPhase): Pick<RecordOf<'groups'>, 'phase'> {
  return { phase: recordOf('groups', { phase: init(phase) }).phase }
}

function init(phase: GroupPhase): NonNullable<RecordInit<'groups'>['phase']> {
  switch (phase.name) {
    case 'creating':
    case 'active':
    case 'committing':
    case 'requested':
      return { case: phase.name, value: {} }
    case 'out-of-sync':
      return { case: 'outOfSync', value: { askDue: phase.askDue, leaveDue: phase.leaveDue } }
    case 'broken':
      return {
        case: 'broken',
        value: { succeedAtMs: BigInt(Math.trunc(phase.succeedAtMs)), leaveDue: phase.leaveDue },
      }
    case 'leaving':
      return { case: 'leaving', value: { leaveDue: phase.leaveDue, commitOut: phase.commitOut } }
    case 'ended':
      return { case: 'ended', value: { why: WHY[phase.why] } }
  }
}
