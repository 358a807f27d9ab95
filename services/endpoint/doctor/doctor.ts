// Looks at everything that an endpoint has and needs, says what it finds, and repairs what can be repaired.

import type { Context, RunTransaction, Unit } from '../context.js'
import { loadServer } from '../sync/server-record.js'
import type { Sync } from '../sync/sync.js'
import { type AccountServer, examineAccount } from './account.js'
import { type ConnectionPorts, examineConnection } from './connection.js'
import { examineConversations } from './conversations.js'
import { AREAS, type Area, type Diagnosis, type Finding } from './finding.js'
import { examineVault } from './vault.js'

export interface Doctor {
  /** Looks, and changes nothing. Throws VaultError. */
  examine(areas?: readonly Area[]): Promise<Finding[]>
  /** Looks, and has everything repaired that can be. A repair that needs others takes its time. Throws VaultError. */
  repair(): Promise<Finding[]>
}

interface DoctorOptions {
  context: Context
  transaction: RunTransaction
  ports: ConnectionPorts
  sync: Pick<Sync, 'exchange' | 'keys' | 'line'>
}

export function openDoctor({ context, transaction, ports, sync }: DoctorOptions): Doctor {
  const server: AccountServer = { exchange: parts => sync.exchange(parts), stock: sync.keys.stock }
  const lookAgain = () => sync.keys.lookAgain()
  const look = async (areas: readonly Area[], repairs: boolean): Promise<Finding[]> => {
    const findings: Finding[] = []
    if (areas.includes('connection'))
      findings.push(...(await examineConnection(loadServer(context.records), sync.line, ports)))
    if (areas.includes('account')) findings.push(...(await examineAccount(context, server, { repairs })))
    if (areas.includes('conversation'))
      findings.push(...(await transaction(unit => diagnosed(unit, lookAgain, repairs))))
    if (areas.includes('vault')) findings.push(...(await examineVault(context.records, ports.clock)))
    if (repairs) lookAgain()
    return findings
  }
  return {
    examine: (areas = AREAS) => look(areas, false),
    repair: () => look(AREAS, true),
  }
}

async function diagnosed({ context, tx }: Unit, lookAgain: () => void, repairs: boolean): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { finding, mend } of examineConversations(context, lookAgain))
    findings.push(repairs && mend ? { ...finding, did: await done(mend, tx) } : finding)
  return findings
}

const done = async (mend: NonNullable<Diagnosis['mend']>, tx: Parameters<typeof mend>[0]) => await mend(tx)
