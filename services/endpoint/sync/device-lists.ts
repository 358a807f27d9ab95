// Keeps the devices in this device's groups in step with the accounts' own: looks up, when the line comes up and when
// the server hints at it, which devices have certificates, and has the missing added and the revoked removed.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { create } from '@bufbuild/protobuf'
import { GroupKind, GroupSettingsSchema } from '../../../gen/parley/content/v1/room_pb.js'
import type {
  ClaimedDevice,
  KeyExchanged,
  KeyExchangeRequestSchema,
  LookupOutcome,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices, type DeviceIdentity } from '../../protocol/identity/certificate.js'
import type { Context, RunTransaction } from '../context.js'
import { crypto } from '../crypto.js'
import { createGroup, ownInvitees } from '../groups/create.js'
import type { LiveGroup } from '../groups/groups.js'
import { isOwn } from '../groups/membership.js'
import { encodeSettings } from '../groups/policy.js'
import { queueCommit } from '../messages/outbox.js'
import type { Batch } from '../vault/records.js'
import { type Directory, needsOwnGroup, reconcile } from './reconcile.js'

/** Handles in one call, where the server does not want fewer. */
const LOOKUPS_PER_CALL = 256
/** Groups that are compared with the directory before other work gets its turn. */
const GROUPS_AT_ONCE = 16
/** Milliseconds that a device waits for each older one to make the group of own devices. */
const OWN_GROUP_TURN_MS = 2_000
/** Milliseconds after which a handle with a device that could not be added is looked up again: doubled each time. */
const AGAIN_MIN_MS = 1_000
const AGAIN_MAX_MS = 300_000

export interface DirectorySync {
  /** Looks up who is due. Throws VaultError, RpcError and LineStopped; what fails because of the line is due again. */
  run(): Promise<void>
  /** A new line: everybody is due. */
  restart(): void
  /** The server says that this account has a new device, or one less. */
  changed(handle: string): void
  /** What the first call of a line carries out: revocations that the server may not know yet. */
  revocations(): Uint8Array[]
}

type Parts = Omit<MessageInitShape<typeof KeyExchangeRequestSchema>, '$typeName'>

export interface DirectorySyncOptions {
  context: Context
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: Parts): Promise<KeyExchanged>
  later(ms: number, action: () => void): void
  nudge(): void
}

export function openDirectorySync(options: DirectorySyncOptions): DirectorySync {
  const { context, transaction, exchange, later, nudge } = options
  const due = new Set<string>()
  /** By handle: how long it waited the last time to be looked up again, in ms. */
  const waits = new Map<string, number>()
  const ownGroup = ownGroupMaker(options, handle => dueAgain(handle))
  let running = false

  const dueAgain = (handle: string) => {
    due.add(handle)
    nudge()
  }
  const lookAgain = (handle: string) => {
    const wait = Math.min((waits.get(handle) ?? AGAIN_MIN_MS / 2) * 2, AGAIN_MAX_MS)
    waits.set(handle, wait)
    later(wait, () => dueAgain(handle))
  }
  const lookUp = async (handles: readonly string[]) => {
    const { lookups } = await exchange({ lookupHandles: [...handles] })
    const directory = directoryOf(lookups)
    const incomplete = new Set<string>()
    await transaction(({ context, tx }) => {
      noteOwnDevices(context, tx, directory)
      noteChanges(context, tx, directory)
    })
    const groups = context.groups.all()
    for (let from = 0; from < groups.length; from += GROUPS_AT_ONCE)
      for (const handle of await compare(groups.slice(from, from + GROUPS_AT_ONCE), directory))
        incomplete.add(handle)
    for (const handle of handles)
      if (incomplete.has(handle)) lookAgain(handle)
      else waits.delete(handle)
    await ownGroup.look(directory)
    nudge()
  }
  const compare = (groups: readonly LiveGroup[], directory: Directory) =>
    transaction(({ context, tx }) => groups.flatMap(group => reconcile(context, tx, group, directory)))
  const revoked = (revocations: readonly Uint8Array[]) =>
    transaction(({ context, tx }) => {
      for (const { deviceId, revocation } of context.devices.all())
        if (revocations.includes(revocation)) context.devices.change(tx, deviceId, { revocationDone: true })
    })
  const pending = () =>
    context.devices
      .all()
      .filter(({ revocation, revocationDone }) => revocation.length > 0 && !revocationDone)
      .map(({ revocation }) => revocation)
  return {
    async run() {
      if (running) return
      running = true
      try {
        const deviceRevocations = pending()
        if (deviceRevocations.length > 0) {
          await exchange({ deviceRevocations })
          await revoked(deviceRevocations)
        }
        while (due.size > 0) {
          const handles = [...due].slice(0, LOOKUPS_PER_CALL)
          for (const handle of handles) due.delete(handle)
          await lookUp(handles)
        }
      } finally {
        running = false
      }
    },
    restart() {
      waits.clear()
      ownGroup.restart()
      due.add(context.account.handle)
      for (const { handle, accountKey } of context.contacts.all()) if (accountKey.length > 0) due.add(handle)
    },
    changed: dueAgain,
    revocations: pending,
  }
}

/** Whose device it is is for the groups to say: here a certificate counts that is what it says, for this handle. */
function directoryOf(lookups: readonly LookupOutcome[]): Directory {
  const directory = new Map<string, DeviceIdentity[]>()
  for (const { handle, outcome } of lookups) {
    if (outcome.case !== 'devices') continue
    const devices = certifiedDevices(crypto, outcome.value.deviceCertificates)
    directory.set(
      handle,
      devices.filter(device => device.handle === handle),
    )
  }
  return directory
}

function noteOwnDevices(context: Context, batch: Batch, directory: Directory): void {
  const own = (directory.get(context.account.handle) ?? []).filter(device => isOwn(context, device))
  if (own.length === 0) return
  const unknown = own.filter(({ deviceKey }) => !context.devices.get(deviceKey)?.issuedAtMs)
  for (const { deviceKey, issuedAt } of unknown)
    context.devices.change(batch, deviceKey, { issuedAtMs: BigInt(issuedAt) })
  if (unknown.length > 0) batch.tell({ type: 'devices' })
  // 8 bits of checksum let a wrong word in 256 through, and a mistyped handle is nobody's.
  if (context.isUnconfirmed && own.length === 1)
    batch.tell({
      type: 'notice',
      level: 'warning',
      notice: { code: 'account-unknown', handle: context.account.handle },
    })
  context.isUnconfirmed = false
}

/** Whose pinned key the server does not list any more has another one now, which is looked into (conversation/trust.ts). */
function noteChanges({ contacts }: Context, batch: Batch, directory: Directory): void {
  for (const [handle, devices] of directory) {
    const isListed = devices.some(({ accountKey }) => contacts.trust(handle, accountKey) !== 'other')
    const [first] = devices
    if (first && !isListed) contacts.meet(batch, handle, first.accountKey)
  }
}

/** Makes the group of own devices where there is none: the oldest device at once, the others where it does not. */
function ownGroupMaker(
  { context, transaction, exchange, later, nudge }: DirectorySyncOptions,
  lookAgain: (handle: string) => void,
): { look(directory: Directory): Promise<void>; restart(): void } {
  const handle = () => context.account.handle
  let dueAt: number | undefined
  const make = (claimed: readonly ClaimedDevice[], directory: Directory) =>
    transaction(async ({ context, outbox, tx }) => {
      if (!needsOwnGroup(context, directory)) return
      const invitees = await ownInvitees(context, claimed)
      if (invitees.length === 0) return
      const conversation = context.conversations.openOwnDevices(tx)
      const settings = encodeSettings(create(GroupSettingsSchema, { kind: GroupKind.OWN_DEVICES }))
      const made = await createGroup(context, tx, { conversation, invitees, settings })
      queueCommit(outbox, tx, made.group.number, made)
      tx.after(nudge)
    })
  return {
    async look(directory) {
      if (!needsOwnGroup(context, directory)) {
        if (directory.has(handle())) dueAt = undefined
        return
      }
      const turn = context.devices
        .all()
        .filter(({ deviceId }) => !context.devices.isRevoked(deviceId))
        .findIndex(({ deviceId }) => Buffer.compare(deviceId, context.account.device.publicKey) === 0)
      dueAt ??= context.clock.now() + turn * OWN_GROUP_TURN_MS
      const wait = dueAt - context.clock.now()
      if (wait > 0) return later(wait + 1, () => lookAgain(handle()))
      const outcome = (await exchange({ claimHandles: [handle()] })).claims[0]?.outcome
      if (outcome?.case === 'devices') await make(outcome.value.devices, directory)
      // A device that has no key packages yet, or a group that the server refuses: again, and not at once.
      dueAt = context.clock.now() + OWN_GROUP_TURN_MS
      later(OWN_GROUP_TURN_MS + 1, () => lookAgain(handle()))
    },
    restart() {
      dueAt = undefined
    },
  }
}
