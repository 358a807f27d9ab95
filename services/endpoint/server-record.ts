// What the vault knows of the server that the account is on.

import { create } from '@bufbuild/protobuf'
import { type Server, ServerSchema } from '../../gen/parley/vault/v1/records_pb.js'
import { at, type Batch, type Records } from './records.js'

export type ServerRecord = Server

const ONLY = at(0n)

export const loadServer = (records: Records): ServerRecord | undefined => records.get('server', ONLY)

/** Changes some fields. */
export function saveServer(batch: Batch, change: Omit<Partial<Server>, '$typeName'>): void {
  batch.put('server', ONLY, Object.assign(batch.get('server', ONLY) ?? create(ServerSchema), change))
}
