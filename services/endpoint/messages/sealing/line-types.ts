// The types of content that a person writes. Each of their messages is a line of the history: it is saved there at
// once, waits until its conversation has a group, and waits again where the server did not take it.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContentSchema, HistoryMessage } from '../../../../gen/parley/content/v1/content_pb.js'
import type { MessageKind } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { TextWriter } from '../../../protocol/conversation/text-statement.js'
import type { AccountKey, DeviceKey } from '../../ids.js'
import type { RecordInit, RecordOf } from '../../vault/records.js'

export type Line = RecordOf<'messages'>
/** The content of a line, beside who wrote it and when. */
type LineFields = Omit<
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
  | 'toldBy'
>
export type BodyInit = NonNullable<MessageInitShape<typeof ContentSchema>['body']>
export type HistoryBody = HistoryMessage['body']

export interface LineType {
  /** Of its lines. */
  readonly kind: MessageKind
  /** The device that wrote one says it again, once, when somebody could not open it. */
  readonly saidAgain: boolean
  /** Signs one for the place where it is sealed, for those who come later; unless given, nothing is signed. */
  sign?(line: Line, place: SealedPlace, writer: TextWriter): Pick<Line, 'statement' | 'signature'>
  /** The body that is sealed of one, with what was signed of it. */
  body(line: Line): BodyInit
  /** Newcomers are handed it with what was said before; unless given, they are not. */
  readonly handedOver?: HandedOver
}

/** The group in which a line is sealed, and its place among what its device seals there. */
interface SealedPlace {
  /** Of the conversation, whichever group carries it; 32 bytes. */
  conversationId: Uint8Array
  groupId: Uint8Array
  count: bigint
  joinedEpoch: bigint
}

interface HandedOver {
  /** The body that a part of a history has of one. `certificate`: of the writer's device, where that is known. */
  give(line: Line, certificate: Uint8Array | undefined): HistoryBody
  /** The content to keep of that; undefined: it is of another type, or does not hold in the conversation of this id. */
  take(body: HistoryBody, conversationId: Uint8Array): TakenFields | undefined
}

/** A line as it was handed over. */
export interface TakenFields {
  /** By the signature of the device; without a certificate: as somebody tells, and only then with a handle. */
  writer: { accountKey: AccountKey; handle?: string; deviceKey: DeviceKey }
  /** Of the writer's device, which has signed it. */
  certificate?: Uint8Array
  /** Of one that somebody tells: as whoever hands it over says. */
  toldBy?: AccountKey
  sentAtMs: bigint
  sequence: bigint
  fields: LineFields
}
export type TakenLine = TakenFields & Pick<Line, 'kind'>

export class LineTypes {
  constructor(private readonly types: readonly LineType[]) {}

  /** undefined: nobody has written this line. */
  of({ kind }: Pick<Line, 'kind'>): LineType | undefined {
    return this.types.find(type => type.kind === kind)
  }

  /** A line as it is handed over; undefined: this one is not. */
  given(line: Line, certificate: Uint8Array | undefined): HistoryBody | undefined {
    return this.of(line)?.handedOver?.give(line, certificate)
  }

  /** A line that was handed over, as it is kept; undefined: it is not. */
  taken(body: HistoryBody, conversationId: Uint8Array): TakenLine | undefined {
    for (const { kind, handedOver } of this.types) {
      const taken = handedOver?.take(body, conversationId)
      if (taken) return { kind, ...taken }
    }
    return undefined
  }
}
