// Commits that no honest program makes: none at all, against the rules, or sound for some members only.

import { createEngine } from '../../../services/endpoint/mls/engine.js'
import type { CryptoProvider } from '../../../services/endpoint/mls/library.js'
import { nativeProvider } from '../../../services/endpoint/mls/primitives/provider.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import { changedBytes } from '../../fuzz/mutation.js'
import { random } from '../../support/contract-device.js'
import { type Act, inRoom } from './act.js'

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

/** Sound ones: they make races for the honest. */
const renewing: Act = {
  name: 'renew',
  run: scene => inRoom(scene, async ({ group }) => void (await scene.by.commit(group, {}))),
}

const garbage: Act = {
  name: 'garbage-commit',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      await scene.by.line.send(scene.by.commitOf(group, { commit: random(GARBAGE_BYTES) }))
    }),
}

const severalAtOnce: Act = {
  name: 'several-commits',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const { by } = scene
      const first = by.engine.epoch(group.states[0]!)
      const commits = [0n, 1n, 2n].map(more =>
        by.commitOf(group, { commit: random(GARBAGE_BYTES), epoch: first + more }),
      )
      await by.line.send(...commits)
    }),
}

const changed: Act = {
  name: 'changed-commit',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const { by, chance } = scene
      await by.commit(group, {}, ({ commit }) => ({ commit: changedBytes(chance, commit) }))
    }),
}

const addsStranger: Act = {
  name: 'add-stranger',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const { by, chance, others } = scene
      const members = by.groups.members(group).map(({ handle }) => handle)
      const outside = chance.pick(others.filter(({ handle }) => !members.includes(handle)))
      // An admin may do so.
      if (by.role === 'admin' || !outside) return
      const { publicPackage, ...rest } = await outside.keyPackage()
      outside.groups.keep([{ publicPackage, ...rest }])
      const deviceIds = [outside.device.id]
      await by.commit(group, { add: [publicPackage] }, ({ commit, welcome }) => ({
        commit,
        welcomes: [{ deviceIds, welcome: welcome! }],
        rosterChange: { addedDeviceIds: deviceIds },
      }))
    }),
}

const removesSomebody: Act = {
  name: 'remove-somebody',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const one = scene.chance.pick(members)
      if (scene.by.role === 'admin' || !one) return
      await scene.by.commit(group, { remove: [one.leaf] }, ({ commit }) => ({
        commit,
        rosterChange: { removedDeviceIds: [one.signatureKey] },
      }))
    }),
}

const changesSettings: Act = {
  name: 'change-settings',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const { by, chance } = scene
      const before = by.engine.settings(group.states[0]!)
      if (!before) return
      await by.commit(group, { settings: changedBytes(chance, before) })
    }),
}

/** The server takes somebody off the roster whom the commit does not remove. */
const otherRoster: Act = {
  name: 'other-roster',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const one = scene.chance.pick(members)
      if (!one) return
      await scene.by.commit(group, {}, ({ commit }) => ({
        commit,
        rosterChange: { removedDeviceIds: [one.signatureKey] },
      }))
    }),
}

const pathOfSome: Act = {
  name: 'path-of-some',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const provider = sealingFor(scene.chance.whole(Math.max(1, members.length)))
      const engine = await createEngine({ validate: validateCredential, provider })
      await scene.by.commit(group, {}, undefined, engine)
    }),
}

export const COMMITS: readonly Act[] = [
  renewing,
  garbage,
  severalAtOnce,
  changed,
  addsStranger,
  removesSomebody,
  changesSettings,
  otherRoster,
  pathOfSome,
]
