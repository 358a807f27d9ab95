// Groups that are to take the place of a room's: wrong ones, right ones that nobody needs, and more than anybody may make.

import type { Held } from '../../../services/endpoint/groups/state/held.js'
import { toHex } from '../../../services/protocol/bytes.js'
import type { Change } from '../../../services/protocol/conversation/chain/change.js'
import { parseVerifiedCertificate } from '../../../services/protocol/identity/certificate.js'
import { extended } from '../../support/chain-by-force.js'
import { random } from '../../support/contract-device.js'
import type { Claim } from '../../support/forged-groups.js'
import { type Act, Hole, inRoom, pick, type Scene, Skipped, type Target } from './act.js'
import { claimed, cutBack, found, madeUp } from './forge.js'
import type { Program } from './program.js'

const MINE = { name: 'mine', topic: 'taken over', historyDays: 30 }
const SPAM = 5

interface Successor {
  /** The handles of honest people; those of the room unless given. */
  invited?: readonly string[]
  helpers?: readonly Program[]
  /** The chain that it goes on from; the room's own unless given. */
  from?: (held: Held) => Held
  changes?: readonly Change[]
}

/** Resolves to whether the server has taken it. */
async function succeed(scene: Scene, target: Target, wanted: Successor): Promise<boolean> {
  const { by } = scene
  const { group, members } = target
  const { invited = members.map(({ handle }) => handle), helpers = [] } = wanted
  const { from = each => each, changes = [] } = wanted
  const groupId = random(16)
  const base = from(group.held)
  const after = extended(base, by.own, { changes, groupId, epoch: 0n })
  const ledger = { ...base.ledger, removed: [] }
  const claim: Claim = { ...after, ledger, groupId, epoch: 1n, incarnation: base.incarnation + 1 }
  const devices = invited.length > 0 ? await claimed(scene, [...new Set(invited)]) : []
  const made = await madeUp(scene, claim, { devices, helpers })
  const head = { succeeds: group.conversationId, succeedsEpoch: by.engine.epoch(group.states[0]!) }
  const isTaken = (await found(scene, claim, { ...made, head })) === 'accepted'
  if (isTaken) made.enter()
  return isTaken
}

const succeeding = (name: string, make: (scene: Scene, target: Target) => Successor): Act => ({
  name,
  run: scene =>
    inRoom(scene, async target => {
      const isTaken = await succeed(scene, target, make(scene, target))
      if (isTaken) countTaken(scene, target)
    }),
})

/** By its maker's handle and its group: the server takes one of a device in an hour. */
const taken = new Set<string>()

function countTaken({ by }: Scene, { group }: Target): void {
  const name = `${by.handle} ${toHex(group.conversationId)}`
  if (taken.has(name)) throw new Hole('the server took a second successor of one room')
  taken.add(name)
}

const mayOf = ({ by }: Scene, { group }: Target): boolean =>
  group.held.state.members.some(
    ({ accountKey, isAdmin }) => isAdmin && Buffer.compare(accountKey, by.own.account.publicKey) === 0,
  )

const strangerOf = (scene: Scene, { group }: Target): Program => {
  const members = scene.by.groups.members(group).map(({ handle }) => handle)
  return pick(
    scene,
    scene.others.filter(({ handle }) => !members.includes(handle)),
  )
}

const accountOf = ({ identity }: Target['members'][number]) => parseVerifiedCertificate(identity).accountKey

/** An admin may do so. */
function powerless(scene: Scene, target: Target): void {
  if (mayOf(scene, target)) throw new Skipped()
}

const cutShort = (held: Held): Held => cutBack(held, 1)

export const SUCCESSORS: readonly Act[] = [
  succeeding('right-successor', () => ({})),
  succeeding('successor-without-some', (scene, { members }) => ({
    invited: scene.chance
      .shuffled(members)
      .slice(0, 1 + scene.chance.whole(members.length))
      .map(({ handle }) => handle),
  })),
  succeeding('successor-that-forgets', () => ({ from: cutShort })),
  succeeding('forked-successor', scene => ({
    from: cutShort,
    changes: [{ kind: 'settings', settings: { ...MINE, topic: `of ${scene.by.handle}` } }],
  })),
  succeeding('successor-with-powers', (scene, target) => {
    powerless(scene, target)
    return { changes: [{ kind: 'make-admin', accountKey: scene.by.own.account.publicKey }] }
  }),
  succeeding('successor-called-otherwise', (scene, target) => {
    powerless(scene, target)
    return { changes: [{ kind: 'settings', settings: MINE }] }
  }),
  succeeding('successor-that-removes', (scene, target) => {
    powerless(scene, target)
    const one = pick(scene, target.members)
    return {
      invited: target.members.map(({ handle }) => handle).filter(handle => handle !== one.handle),
      changes: [{ kind: 'remove', accountKey: accountOf(one) }],
    }
  }),
  succeeding('successor-with-stranger', (scene, target) => ({ helpers: [strangerOf(scene, target)] })),
  succeeding('successor-that-adds-stranger', (scene, target) => {
    powerless(scene, target)
    const one = strangerOf(scene, target)
    return { helpers: [one], changes: [{ kind: 'add', accountKey: one.own.account.publicKey }] }
  }),
  succeeding('successor-far-off', ({ chance }) => ({
    from: held => ({ ...held, incarnation: held.incarnation + 1 + chance.whole(50) }),
  })),
  {
    name: 'spam-of-successors',
    run: scene =>
      inRoom(scene, async target => {
        for (let times = 0; times < SPAM; times++)
          if (await succeed(scene, target, { invited: [pick(scene, target.members).handle] }))
            countTaken(scene, target)
      }),
  },
  {
    name: 'successor-behind-garbage',
    isSeen: true,
    run: scene =>
      inRoom(scene, async target => {
        const { by } = scene
        await by.line.send(by.commitOf(target.group, { commit: random(400) }))
        if (await succeed(scene, target, {})) countTaken(scene, target)
      }),
  },
]
