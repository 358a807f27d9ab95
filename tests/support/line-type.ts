// A second type of line, which does not exist: it is sealed in its own way, not said again, and not handed over.

import type { MessageKind } from '../../gen/parley/vault/v1/records_pb.js'
import { text } from '../../services/endpoint/messages/content/text.js'
import { type LineType, LineTypes } from '../../services/endpoint/messages/sealing/line-types.js'

const KIND = 99 as MessageKind

export const NOTE: LineType = {
  kind: KIND,
  saidAgain: false,
  body: line => ({ case: 'deviceName', value: { name: `note: ${line.text}` } }),
}

export const WITH_NOTES = new LineTypes([NOTE, ...(text.line ? [text.line] : [])])
