// Commits that no honest program makes: none at all, somebody else's, or sound for some members only.

import { createEngine } from '../../../services/endpoint/mls/engine.js'
import type { CryptoProvider } from '../../../services/endpoint/mls/library.js'
import { nativeProvider } from '../../../services/endpoint/mls/primitives/provider.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import { equalBytes } from '../../../services/protocol/bytes.js'
import { changedBytes } from '../../fuzz/mutation.js'
import { random } from '../../support/contract-device.js'
import { type Act, inRoom, pick, type Scene, type Target } from './act.js'
import { force } from './forge.js'

const GARBAGE_BYTES = 400

/** Seals all secrets of a path but those of the first `sound` so that they do not open. */
function sealingFor(sound: number): CryptoProvider {
  return {
    async getCiphersuiteImpl(suite) {
      const impl = await nativeProvider.getCiphersuiteImpl(suite)
      let sealed = 0
      return {
        ...impl,
        hpke: {
          ...impl.hpke,
          async seal(key, plaintext, info, aad) {
            const { ct, enc } = await impl.hpke.seal(key, plaintext, info, aad)
            return { enc, ct: sealed++ < sound ? ct : ct.map(byte => byte ^ 1) }
          },
        },
      }
    },
  }
}

const inRooms = (name: string, work: (scene: Scene, target: Target) => Promise<unknown>): Act => ({
  name,
  run: scene => inRoom(scene, async target => void (await work(scene, target))),
})

/** All members see that nobody may take it. */
const seen = (name: string, work: (scene: Scene, target: Target) => Promise<unknown>): Act => ({
  ...inRooms(name, work),
  isSeen: true,
})

/** The device ids of some of the honest members. */
const some = ({ chance }: Scene, { members }: Target): Uint8Array[] =>
  chance
    .shuffled(members)
    .slice(0, 1 + chance.whole(members.length))
    .map(({ signatureKey }) => signatureKey)

/** Another member's commit of this very epoch under its own head. */
async function sendsAnothers({ by, chance, others }: Scene, { group }: Target): Promise<void> {
  const { conversationId } = group
  const ofHelpers = others.flatMap(({ groups, engine }) =>
    groups
      .present()
      .filter(each => equalBytes(each.conversationId, conversationId))
      .map(each => engine.commit(each.states[0]!, {})),
  )
  const heard = by.groups.heard.commits.all().filter(({ groupId }) => equalBytes(groupId, conversationId))
  const made = await chance.pick(ofHelpers)
  const { commit } = made ?? pick({ chance }, heard)
  await by.line.send(by.commitOf(group, { commit }))
}

export const COMMITS: readonly Act[] = [
  // Sound ones: they make races for the honest.
  inRooms('renew', ({ by }, { group }) => by.commit(group, {})),
  seen('garbage-commit', ({ by }, { group }) =>
    by.line.send(by.commitOf(group, { commit: random(GARBAGE_BYTES) })),
  ),
  // Nobody is to blame for it: a server may have led its maker into another state.
  inRooms('garbage-commit-of-elsewhere', ({ by }, { group }) =>
    by.line.send(by.commitOf(group, { commit: random(GARBAGE_BYTES) }, { epochTag: random(32) })),
  ),
  seen('several-commits', ({ by }, { group }) => {
    const first = by.engine.epoch(group.states[0]!)
    const commits = [0n, 1n, 2n].map(more =>
      by.commitOf(group, { commit: random(GARBAGE_BYTES), epoch: first + more }),
    )
    return by.line.send(...commits)
  }),
  seen('garbage-commit-for-some', (scene, target) =>
    scene.by.line.send(
      scene.by.commitOf(target.group, {
        commit: random(GARBAGE_BYTES),
        rosterChange: { removedDeviceIds: some(scene, target) },
      }),
    ),
  ),
  seen('changed-commit', ({ by, chance }, { group }) =>
    by.commit(group, { alter: ({ commit }) => ({ commit: changedBytes(chance, commit) }) }),
  ),
  seen('commit-of-another', sendsAnothers),
  // The server takes somebody off the roster whom the commit does not remove.
  inRooms('other-roster', (scene, target) =>
    scene.by.commit(target.group, {
      alter: ({ commit }) => ({ commit, rosterChange: { removedDeviceIds: some(scene, target) } }),
    }),
  ),
  inRooms('path-of-some', async ({ by, chance }, { group, members }) => {
    const provider = sealingFor(chance.whole(Math.max(1, members.length)))
    const engine = await createEngine({ validate: validateCredential, provider })
    await by.commit(group, { engine })
  }),
  seen('stranger-without-entry', async (scene, { group }) => {
    const members = scene.by.groups.members(group).map(({ handle }) => handle)
    const outside = scene.others.filter(({ handle }) => !members.includes(handle))
    await force(scene, group, { add: [pick(scene, outside)] })
  }),
  seen('removal-without-entry', (scene, { group, members }) =>
    force(scene, group, { remove: [pick(scene, members).leaf] }),
  ),
  seen('removal-of-all', (scene, { group, members }) =>
    force(scene, group, { remove: members.map(({ leaf }) => leaf) }),
  ),
  seen('removal-by-request-of-nobody', (scene, { group, members }) =>
    force(scene, group, { remove: [pick(scene, members).leaf], basis: { rejoins: [random(200)] } }),
  ),
  // One that counts is no wrong.
  inRooms('removal-by-old-request', (scene, { group, members }) => {
    const rejoins = [pick(scene, scene.by.groups.heard.rejoins.all())]
    return force(scene, group, { remove: [pick(scene, members).leaf], basis: { rejoins } })
  }),
  seen('list-that-is-none', (scene, { group }) => force(scene, group, { basis: { lists: [random(300)] } })),
  seen('list-known-before', (scene, { group }) => {
    const { devices } = pick(scene, group.held.ledger.accounts)
    return force(scene, group, { basis: { lists: devices.lists.map(({ list }) => list.encoded) } })
  }),
  seen('other-state', (scene, { group }) =>
    force(scene, group, { groupState: fitting => changedBytes(scene.chance, fitting) }),
  ),
]
