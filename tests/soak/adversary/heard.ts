// A modified program keeps what it hears, to say it again where it does not belong.

import type { SignedLeaveStatement, SignedTextStatement } from '../../../gen/parley/content/v1/chain_pb.js'
import type { Content } from '../../../gen/parley/content/v1/content_pb.js'

/** So many of each sort, the newest. */
const KEPT = 100

/** The last ones of a sort. */
export class Last<T> {
  readonly #kept: T[] = []

  add(one: T): void {
    this.#kept.push(one)
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  all(): readonly T[] {
    return this.#kept
  }
}

/** A text with its writer's signature, and the conversation that it was said in. */
export interface HeardText {
  conversationId: Uint8Array
  text: SignedTextStatement
  certificate: Uint8Array
}

export class Heard {
  readonly texts = new Last<HeardText>()
  readonly leaves = new Last<SignedLeaveStatement>()
  readonly commits = new Last<{ groupId: Uint8Array; commit: Uint8Array }>()
  /** Encoded SignedRejoinStatements. */
  readonly rejoins = new Last<Uint8Array>()

  note({ body }: Content, said: Omit<HeardText, 'text'>): void {
    if (body.case === 'text' && body.value.signed) this.texts.add({ ...said, text: body.value.signed })
    if (body.case === 'leave' && body.value.statement) this.leaves.add(body.value.statement)
  }
}
