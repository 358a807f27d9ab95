// The types of content that a person writes. Each of their messages is a line of the history: it is saved there at
// once, waits until its conversation has a group, and waits again where the server did not take it.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContentSchema, HistoryMessage } from '../../../../gen/parley/content/v1/content_pb.js'
import type { MessageKind } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { RecordInit, RecordOf } from '../../vault/records.js'

export type Line = RecordOf<'messages'>
/** The content of a line, beside who wrote it and when. */
export type LineFields = Omit<
  RecordInit<'messages'>,
  | '$typeName'
  | 'kind'
  | 'fromAccount'
  | 'fromHandle'
  | 'fromDevice'
  | 'own'
  | 'sentAtMs'
  | 'status'
  | 'sequence'
>
export type BodyInit = NonNullable<MessageInitShape<typeof ContentSchema>['body']>
export type HistoryBody = HistoryMessage['body']

export interface LineType {
  /** Of its lines. */
  readonly kind: MessageKind
  /** The device that wrote one says it again, once, when somebody could not open it. */
  readonly saidAgain: boolean
  /** The body that is sealed of one. */
  body(line: Line): BodyInit
  /** Newcomers are handed it with what was said before; unless given, they are not. */
  readonly handedOver?: HandedOver
}

interface HandedOver {
  /** The body that a part of a history has of one. */
  give(line: Line): HistoryBody
  /** The content to keep of that; undefined: it is of another type, or longer than it can be. */
  take(body: HistoryBody): LineFields | undefined
}

export class LineTypes {
  constructor(private readonly types: readonly LineType[]) {}

  /** undefined: nobody has written this line. */
  of({ kind }: Pick<Line, 'kind'>): LineType | undefined {
    return this.types.find(type => type.kind === kind)
  }

  /** A line as it is handed over; undefined: this one is not. */
  given(line: Line): HistoryBody | undefined {
    return this.of(line)?.handedOver?.give(line)
  }

  /** A line that was handed over, as it is kept; undefined: it is not. */
  taken(body: HistoryBody): (LineFields & Pick<Line, 'kind'>) | undefined {
    for (const { kind, handedOver } of this.types) {
      const fields = handedOver?.take(body)
      if (fields) return { kind, ...fields }
    }
    return undefined
  }
}
