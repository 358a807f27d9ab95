// Which messages of a conversation are here, while its history is handed over: what comes twice is filed once.

import { toHex, utf8 } from '../../protocol/bytes.js'
import { saidIn } from '../../protocol/conversation/text-statement.js'
import { crypto } from '../crypto.js'
import type { ConversationNumber } from '../ids.js'
import { Kept } from '../vault/records/kept.js'
import type { Reader, RecordOf, Transaction } from '../vault/records.js'

type Named = Pick<RecordOf<'messages'>, 'fromDevice' | 'sequence' | 'sentAtMs'> &
  Partial<Pick<RecordOf<'messages'>, 'statement'>>

/**
 * The same for one message on all devices that have it: what its writer signed, whatever others say of its place; of one
 * that nobody signed, who sent it when, and its place in the order of its group. The groups that a conversation has had
 * count each for itself, so the place alone does not tell.
 */
const messageName = ({ statement, ...told }: Named): string =>
  statement?.length ? toHex(crypto.sha256(statement)) : placeName(told)

const placeName = ({ fromDevice, sequence, sentAtMs }: Omit<Named, 'statement'>): string =>
  `${sequence} ${sentAtMs} ${toHex(fromDevice)}`

/** All that a message goes by: what is told of one that is here signed is here. */
function namesOf(message: Named): string[] {
  const again = againNames(message)
  return [messageName(message), placeName(message), ...(again ? [again.here, again.anywhere] : [])]
}

/** The names of a signed text that its device may have said in several groups: in this one, and in any. */
function againNames({ statement, fromDevice }: Named): { here: string; anywhere: string } | undefined {
  const said = statement?.length ? saidIn(statement) : undefined
  if (!said) return undefined
  const anywhere = `${said.sentAtMs} ${toHex(fromDevice)} ${toHex(crypto.sha256(utf8(said.text)))}`
  return { here: `${anywhere} ${toHex(said.groupId)}`, anywhere }
}

export class FiledNames {
  /** By conversation, of those that are being handed over. */
  readonly #names = new Kept<bigint, ReadonlySet<string>>()
  /** The sets that a transaction has copied to add to them, once: a part has hundreds of messages. */
  readonly #copies = new WeakMap<Transaction, Map<ConversationNumber, Set<string>>>()

  has(reader: Reader, conversation: ConversationNumber, message: Named): boolean {
    const names = this.#in(reader, conversation)
    const again = againNames(message)
    const isSaidElsewhere = again !== undefined && names.has(again.anywhere) && !names.has(again.here)
    return names.has(messageName(message)) || isSaidElsewhere
  }

  /** It is here now. */
  add(tx: Transaction, conversation: ConversationNumber, message: Named): void {
    const copies = this.#copies.get(tx) ?? new Map<ConversationNumber, Set<string>>()
    this.#copies.set(tx, copies)
    const names = copies.get(conversation) ?? new Set(this.#in(tx, conversation))
    for (const name of namesOf(message)) names.add(name)
    copies.set(conversation, names)
    this.#names.set(tx, conversation, names)
  }

  /** It is here now, should this conversation be one that is being handed over. */
  note(tx: Transaction, conversation: ConversationNumber, message: Named): void {
    if (this.#names.get(tx, conversation)) this.add(tx, conversation, message)
  }

  /** Nothing more is handed over. */
  end(tx: Transaction, conversation: ConversationNumber): void {
    this.#names.set(tx, conversation, undefined)
    this.#copies.get(tx)?.delete(conversation)
  }

  #in(reader: Reader, conversation: ConversationNumber): ReadonlySet<string> {
    const known = this.#names.get(reader, conversation)
    return (
      known ??
      new Set(reader.list('messages', { group: conversation }).flatMap(({ record }) => namesOf(record)))
    )
  }
}
