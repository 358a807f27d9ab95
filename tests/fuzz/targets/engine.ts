// The MLS engine: messages, commits, welcomes and key packages of others.

import { makeAccount } from '../../../services/endpoint/contacts/account.js'
import { createEngine, type GroupState, MlsRefused } from '../../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import type { Chance } from '../../support/chance.js'
import { foundGroup, keyPackageOf } from '../../support/endpoint-groups.js'
import { changedBytes } from '../mutation.js'
import type { Target } from '../target.js'

export const engine: Target = {
  name: 'engine',
  share: 5,
  async open() {
    const mls = await createEngine({ validate: validateCredential })
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map(name => makeAccount(name))
    const { state: atAlice, ...founded } = await foundGroup(mls, alice!, { others: [bob!] })
    const { state: atBob } = await founded.join(0)
    const sealed = await mls.seal(atAlice, new Uint8Array(256).fill(1))
    const pair = await keyPackageOf(mls, carol!)
    const commit = await mls.commit(atAlice, { add: [pair.publicPackage] })
    const before = [atAlice, atBob].map(state => digest(mls.save(state)))
    const inputs: ((chance: Chance) => Promise<unknown>)[] = [
      async chance => await opened(atBob, changedBytes(chance, sealed.ciphertext)),
      async chance => await opened(atBob, changedBytes(chance, commit.commit)),
      async chance =>
        await refusingMls(() => mls.unsafeJoinHere(changedBytes(chance, commit.welcome!), [pair])),
      async chance =>
        await refusingMls(() => mls.inspectKeyPackage(changedBytes(chance, pair.publicPackage))),
      async chance =>
        await refusingMls(() => mls.commit(atAlice, { add: [changedBytes(chance, pair.publicPackage)] })),
      async chance => await refusingMls(async () => mls.load(changedBytes(chance, mls.save(atBob)))),
    ]
    /** Never throws, and takes nothing but what a member has sealed. */
    async function opened(state: GroupState, bytes: Uint8Array): Promise<void> {
      const { kind } = await mls.open(state, bytes, () => true)
      const isAsSealed = [sealed.ciphertext, commit.commit].some(made => Buffer.compare(made, bytes) === 0)
      if ((kind === 'application' || kind === 'commit') && !isAsSealed)
        throw new Error(`${kind} was opened that nobody has sealed`)
    }
    return {
      run: async chance => void (await chance.pick(inputs)!(chance)),
      check() {
        const after = [atAlice, atBob].map(state => digest(mls.save(state)))
        if (after.join() !== before.join()) throw new Error('a state has changed')
      },
    }
  },
}

const digest = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

async function refusingMls(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof MlsRefused)) throw error
  }
}
