// History as an altered program hands it over: to whomever, whenever, and whosever words it says they are.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { HistoryPartSchema } from '../../gen/parley/content/v1/content_pb.js'
import { MessageKind } from '../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../../services/endpoint/context.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { clientSequenceOf } from '../../services/endpoint/ids.js'
import type { BodyInit } from '../../services/endpoint/messages/sealing/line-types.js'
import { ownDeviceGroups, sealBody, sendingGroup } from '../../services/endpoint/messages/sealing/seal.js'
import { loadServer } from '../../services/endpoint/sync/server-record.js'
import { type RecordOf, Records } from '../../services/endpoint/vault/records.js'
import { storesOn } from './endpoint-context.js'
import type { MemoryDisk } from './memory/vault.js'
import { onCopyOf } from './modified-client.js'

/** Seals a content on the vault of an endpoint that is closed, which sends it when it is opened again. */
async function sealOn(
  disk: MemoryDisk,
  groupIn: (context: Context) => LiveGroup | undefined,
  body: (context: Context) => BodyInit,
): Promise<void> {
  const vault = disk.open()
  try {
    const { transaction } = await storesOn(new Records(vault, () => undefined))
    await transaction(async ({ context, outbox, tx }) => {
      outbox.restart(tx, loadServer(tx)?.clientSequence ?? clientSequenceOf(0n))
      const group = groupIn(context)
      if (!group) throw new Error('there is no group to say it in')
      await sealBody(context, tx, group, body(context))
    })
  } finally {
    vault.close()
  }
}

type Part = Omit<Exclude<MessageInitShape<typeof HistoryPartSchema>, { $typeName: string }>, 'conversationId'>

/** Hands lines of its room over in the conversation with this person. */
export const handByForce = (disk: MemoryDisk, to: string, part: Part): Promise<void> =>
  sealOn(
    disk,
    context => sendingGroup(context, context.conversations.withPerson(context.contacts.find(to)!)!),
    ({ groups }) => {
      const room = groups.all().find(({ held }) => held.state.settings)
      return { case: 'historyPart', value: { ...part, conversationId: room!.held.state.id } }
    },
  )

/** Says among the devices of its account that a person has agreed to its having the history. */
export const giveByForce = (disk: MemoryDisk): Promise<void> =>
  sealOn(
    disk,
    context => ownDeviceGroups(context)[0],
    ({ account }) => ({ case: 'historyGiven', value: { deviceId: account.device.publicKey } }),
  )

/** All texts that this vault holds, as they are kept. */
export const textsOn = (disk: MemoryDisk): Promise<RecordOf<'messages'>[]> =>
  onCopyOf(disk, ({ tx }) =>
    tx
      .list('messages')
      .map(({ record }) => record)
      .filter(({ kind }) => kind === MessageKind.TEXT),
  )
