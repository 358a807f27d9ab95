// When this device commits fresh keys of its own: soon after it has joined, and then from time to time in a conversation
// in use (post-compromise security).

import { DAY_MS } from '../../protocol/time.js'
import type { Context } from '../context.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'

export const UPDATE_AFTER_MS = DAY_MS
export const UPDATE_AFTER_SEALED = 1000n

/**
 * In larger groups the updates that follow joining wait for a time of their own, in ms for each device: a commit is
 * work for every member, and those of all newcomers at once would keep everybody from talking.
 */
const FEW_DEVICES = 8
const UPDATE_SPREAD_MS = 3000

export class Updates {
  /** By the epoch that was joined: the time that was drawn for it, in ms since 1970. */
  readonly #drawn = new Map<string, number>()

  /** Whether the update after joining, or the regular one, is due. */
  isDue(context: Pick<Context, 'clock' | 'engine' | 'random'>, group: LiveGroup, now: number): boolean {
    return (this.#time(context, group, now) ?? Number.POSITIVE_INFINITY) <= now
  }

  /** When the next update after a joining is due that has to wait, in ms since 1970. */
  nextDue(context: Pick<Context, 'clock' | 'engine' | 'groups' | 'random'>, now: number): number | undefined {
    const times = context.groups
      .all()
      .filter(({ record }) => record.committedAtMs === 0n)
      .map(group => this.#time(context, group, now) ?? 0)
      .filter(time => time > now)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  /** Since when this device's update is due, or from when on, in ms since 1970; undefined: nothing is. */
  #time(
    context: Pick<Context, 'clock' | 'engine' | 'random'>,
    group: LiveGroup,
    now: number,
  ): number | undefined {
    const { record } = group
    if (!can(group.phase, 'commit')) return undefined
    if (record.sealedSinceCommit >= UPDATE_AFTER_SEALED) return now
    if (record.committedAtMs > 0n)
      return record.sealedSinceCommit > 0n ? Number(record.committedAtMs) + UPDATE_AFTER_MS : undefined
    const devices = context.engine.members(group.state).length
    return devices <= FEW_DEVICES ? now : this.#draw(context, group, now + devices * UPDATE_SPREAD_MS)
  }

  #draw({ clock, random }: Pick<Context, 'clock' | 'random'>, { record }: LiveGroup, latest: number): number {
    const epoch = `${Buffer.from(record.conversationId).toString('hex')} ${record.joinedEpoch}`
    const now = clock.now()
    const time = this.#drawn.get(epoch) ?? now + random.fraction() * (latest - now)
    this.#drawn.set(epoch, time)
    return time
  }
}
