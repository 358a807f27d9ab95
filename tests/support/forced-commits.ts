// Commits as an altered program makes them, whatever the rules of a room say.

import { create, toBinary } from '@bufbuild/protobuf'
import { CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Context } from '../../services/endpoint/context.js'
import { signed } from '../../services/endpoint/groups/heads.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { createEngine, type Engine } from '../../services/endpoint/mls/engine.js'
import { nativeProvider } from '../../services/endpoint/mls/primitives/provider.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { equalBytes } from '../../services/protocol/bytes.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { type CommitBasis, encodeBasis } from '../../services/protocol/conversation/commit-basis.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import { heldOf, ofMembers, withList, withRemoved } from '../../services/protocol/conversation/ledger.js'
import { readCertificate } from '../../services/protocol/identity/certificate.js'
import type { AccountKey } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { extended } from './chain-by-force.js'
import type { MemoryDisk } from './memory/vault.js'
import { byForce, keyPackageOf, newestList, onCopyOf, queueByForce, roomGroup } from './modified-client.js'

/** An altered program puts this into one commit, whatever the rules say; the rest of it is as plausible as can be. */
export interface Force {
  /** Entries that its own device signs. */
  changes?: readonly Change[]
  /** A device of each of them gets a leaf. */
  add?: readonly OwnAccount[]
  /** By handle: their leaves go. */
  remove?: readonly string[]
  /** In place of the lists of those whom it adds. */
  basis?: Partial<CommitBasis>
  /** Only the members of the honest program's state would read that it says this, too. */
  groupState?: (fitting: Uint8Array) => Uint8Array
  /** Those of the sealed path secrets that nobody can open, by their place. */
  garbles?: (index: number) => boolean
  /** Device keys that the server is to take off its roster, besides those of the leaves that go. */
  kicks?: readonly Uint8Array[]
}

/** Queues a commit of all that in its room, asking nobody's leave. */
export async function commitByForce(disk: MemoryDisk, force: Force): Promise<void> {
  await byForce(disk, async (unit, group) => {
    queueByForce(unit, group, toBinary(CommitBundleSchema, await forcedBundle(unit.context, group, force)))
  })
}

/** The commit alone, as one who has this disk makes it. */
export const commitOn = (disk: MemoryDisk, force: Force = {}): Promise<Uint8Array> =>
  onCopyOf(disk, async ({ context }) => (await forcedBundle(context, roomGroup(context)!, force)).commit)

/** The handle that the account's list in the group claims. */
const handleIn = ({ ledger }: Pick<LiveGroup['held'], 'ledger'>, accountKey: AccountKey): string =>
  heldOf(ledger, accountKey)?.devices.lists[0].list.handle ?? ''

async function forcedBundle(
  { account, engine }: Pick<Context, 'account' | 'engine'>,
  { held, state }: Pick<LiveGroup, 'held' | 'state'>,
  { changes = [], add = [], remove = [], basis, groupState = same => same, garbles, kicks = [] }: Force,
) {
  const { groupId, epoch } = held
  const after = extended(held, account, { changes, groupId, epoch })
  const removed = engine
    .members(state)
    .filter(({ identity }) => remove.includes(handleIn(held, readCertificate(crypto, identity).accountKey)))
  const removedDeviceIds = removed.map(({ signatureKey }) => signatureKey)
  const lists = add.map(newestList).filter(list => withList(held.ledger, list))
  const learned = lists.reduce((known, list) => withList(known, list) ?? known, held.ledger)
  const ledger = ofMembers(learned, after.state)
  const made = await (garbles ? await garblingEngine(garbles) : engine).commit(state, {
    add: await Promise.all(add.map(each => keyPackageOf(engine, each))),
    remove: removed.map(({ leaf }) => leaf),
    settings: groupState(
      encodeGroupState(
        crypto,
        { ...after, ledger: withRemoved(ledger, epoch, removedDeviceIds) },
        after.added,
      ),
    ),
    authenticatedData: encodeBasis({
      ...{ lists: lists.map(({ encoded }) => encoded), removals: [], rejoins: [] },
      ...basis,
    }),
  })
  const addedDeviceIds = add.map(({ device }) => device.publicKey)
  const bundle = signed({ account, engine }, state, {
    epoch,
    commit: made.commit,
    welcomes: made.welcome ? [{ deviceIds: addedDeviceIds, welcome: made.welcome }] : [],
    rosterChange: {
      addedDeviceIds,
      removedDeviceIds: [
        ...removedDeviceIds,
        ...kicks.filter(device => !removedDeviceIds.some(id => equalBytes(id, device))),
      ],
    },
  })
  return create(CommitBundleSchema, bundle)
}

/** Its commits are signed and look like any other; some of the secrets in them are sealed wrongly. */
const garblingEngine = (garbles: (index: number) => boolean): Promise<Engine> => {
  let sealed = 0
  return createEngine({
    validate: validateCredential,
    provider: {
      async getCiphersuiteImpl(suite) {
        const impl = await nativeProvider.getCiphersuiteImpl(suite)
        const seal: typeof impl.hpke.seal = async (...options) => {
          const made = await impl.hpke.seal(...options)
          return garbles(sealed++) ? { ...made, ct: made.ct.map(byte => byte ^ 1) } : made
        }
        return { ...impl, hpke: { ...impl.hpke, seal } }
      },
    },
  })
}
