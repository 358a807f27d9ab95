// Whether every record of the vault can be opened and read.

import { type Clock, pause } from '../ports.js'
import { type BytesTable, RECORD_TABLES, type Reader } from '../vault/records.js'
import type { Finding } from './finding.js'

/** Records that are read before other work gets its turn. */
const RECORDS_AT_ONCE = 500
const BYTES_TABLES: readonly BytesTable[] = ['states', 'chains', 'pending', 'pendingchains', 'ratchets']

/** Reads everything, while other work goes on. Never throws for a record that is damaged. */
export async function examineVault(records: Reader, clock: Clock): Promise<Finding[]> {
  let count = 0
  const damaged: { table: string; count: number }[] = []
  for (const table of [...RECORD_TABLES, ...BYTES_TABLES]) {
    let bad = 0
    for (const key of records.keys(table)) {
      if (!records.isIntact(table, key)) bad++
      if (++count % RECORDS_AT_ONCE === 0) await pause(clock, 0)
    }
    if (bad > 0) damaged.push({ table, count: bad })
  }
  const finding = { area: 'vault', check: 'records' } as const
  if (damaged.length === 0) return [{ ...finding, verdict: 'well', found: { code: 'records', count } }]
  return [{ ...finding, verdict: 'problem', found: { code: 'records-damaged', count, damaged } }]
}
