import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { failure } from '../auth/failure.js'
import type { Cursors } from '../store/cursor.js'
import { BadCursorError, type Place } from '../store/store.js'

/** The place that a client's cursor stands for. Throws INVALID_ARGUMENT for one that this device was not given. */
export function openCursor(cursors: Pick<Cursors, 'open'>, cursor: Uint8Array, frame: 'Open' | 'Ack'): Place {
  try {
    return cursors.open(cursor)
  } catch (error) {
    if (!(error instanceof BadCursorError)) throw error
    const message = `${frame}: a cursor that this server did not give to this device`
    throw failure('INVALID_ARGUMENT', ErrorReason.BAD_CURSOR, message)
  }
}
