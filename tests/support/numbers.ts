// Numbers of all kinds for tests, which make them up.

import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import type { Numbered, Placed } from '../../services/endpoint/ids.js'
import type { KeyOf, RecordTable } from '../../services/endpoint/vault/records.js'
import type { Key } from '../../services/endpoint/vault/table.js'

/** A number of the kind that is wanted where it stands. */
export const numbered = <What extends string>(number: bigint) => number as Numbered<What>

/** The key of a row of this table. */
export const keyIn = <T extends RecordTable>(_table: T, key: Key) => key as KeyOf<T>

/** An envelope as one that has its place. */
export const placed = (envelope: Envelope) => envelope as Placed<Envelope>
