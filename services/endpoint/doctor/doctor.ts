// Looks at everything that an endpoint has and needs, says what it finds, and repairs what can be repaired.

import type { Context, SerialQueue } from '../context.js'
import type { Outbox } from '../messages/outbox.js'
import { loadServer } from '../sync/server-record.js'
import { type AccountServer, examineAccount } from './account.js'
import { type ConnectionPorts, examineConnection, type LineCondition } from './connection.js'
import { examineConversations } from './conversations.js'
import { AREAS, type Area, type Diagnosis, type Finding } from './finding.js'
import { examineVault } from './vault.js'

export interface Doctor {
  /** Looks, and changes nothing. Throws VaultError. */
  examine(areas?: readonly Area[]): Promise<Finding[]>
  /** Looks, and has everything repaired that can be. What needs others takes its time. Throws VaultError. */
  repair(): Promise<Finding[]>
}

export interface DoctorOptions {
  context: Context
  outbox: Outbox
  queue: SerialQueue
  ports: ConnectionPorts
  server: AccountServer & {
    condition(): LineCondition
    /** Sends what is due, and looks for those whose conversation has no group. */
    lookAgain(): void
  }
}

export function openDoctor({ context, outbox, queue, ports, server }: DoctorOptions): Doctor {
  const look = async (areas: readonly Area[], repairs: boolean): Promise<Finding[]> => {
    const findings: Finding[] = []
    if (areas.includes('connection'))
      findings.push(...(await examineConnection(loadServer(context.records), server.condition(), ports)))
    if (areas.includes('account')) findings.push(...(await examineAccount(context, server, { repairs })))
    if (areas.includes('conversation'))
      findings.push(...(await queue.run(() => diagnosed(context, outbox, server.lookAgain, repairs))))
    if (areas.includes('vault')) findings.push(...(await examineVault(context.records, ports.clock)))
    if (repairs) server.lookAgain()
    return findings
  }
  return {
    examine: (areas = AREAS) => look(areas, false),
    repair: () => look(AREAS, true),
  }
}

async function diagnosed(
  context: Context,
  outbox: Outbox,
  lookAgain: () => void,
  repairs: boolean,
): Promise<Finding[]> {
  const batch = context.records.begin()
  const findings: Finding[] = []
  for (const { finding, mend } of examineConversations(context, outbox, lookAgain))
    findings.push(repairs && mend ? { ...finding, did: await done(mend, batch) } : finding)
  batch.commit()
  return findings
}

const done = async (mend: NonNullable<Diagnosis['mend']>, batch: Parameters<typeof mend>[0]) =>
  await mend(batch)
