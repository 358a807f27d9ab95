// The recovery phrase of an account is the seed of its key (32 bytes, RFC 8032 section 5.1.5) written as 24
// words of the English list of BIP-39. Of BIP-39 only this encoding is used and not its derivation: the words
// are the seed, so the key pair of seedOf(phrase) is the account's.
//
// Danger: whoever has the words is the account. Errors therefore tell positions and never a word.

import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { KEY_BYTES } from '../sizes.js'

/** Words in a phrase: 256 bits of seed and 8 of checksum, 11 to a word. */
export const PHRASE_WORDS = 24
/** Length in characters up to which a text is read; 24 words with numbers have at most 312. */
const MAX_PHRASE_LENGTH = 1024

const WORDS = new Set(wordlist)
const SEPARATOR = /[\s,]+/
/** "7.", "7)", "7:" or "7", alone or with the word right behind it. */
const NUMBER = /^(\d{1,2})[.):]?/

export type RecoveryPhraseCause =
  /** Not 24 words, but so many; undefined: the text is longer than any phrase. */
  | { code: 'length'; words: number | undefined }
  /** The words at these positions, counted from 1, are not on the list. */
  | { code: 'unknown-word'; positions: readonly number[] }
  /** All words are on the list, but one is wrong or two changed places. */
  | { code: 'checksum' }

/** A person typed something that is no recovery phrase. */
export class RecoveryPhraseError extends Error {
  override name = 'RecoveryPhraseError'
  constructor(readonly why: RecoveryPhraseCause) {
    super(why.code)
  }
}

/** The 24 words of an account's seed, parted by single spaces. Secret. Throws RangeError unless it has 32 bytes. */
export function phraseOf(seed: Uint8Array): string {
  if (seed.length !== KEY_BYTES) throw new RangeError(`The seed of an account has ${KEY_BYTES} bytes`)
  return entropyToMnemonic(seed, wordlist)
}

/**
 * The seed (32 bytes, secret) of the phrase that a person typed, in any case, with any spaces and commas, with
 * or without numbers before the words. Throws nothing but RecoveryPhraseError.
 *
 * The checksum has 8 bits: one mistake in 256 passes it. So whoever restores compares the account key with the
 * one that the server or a contact knows before anything is made of it.
 */
export function seedOf(text: string): Uint8Array {
  const words = readWords(text)
  if (words.length !== PHRASE_WORDS) throw wrongLength(words.length)
  const unknown = words.flatMap((word, at) => (WORDS.has(word) ? [] : [at + 1]))
  if (unknown.length > 0) throw new RecoveryPhraseError({ code: 'unknown-word', positions: unknown })
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    // Not kept as a cause: what the library says of the phrase must reach no log.
    throw new RecoveryPhraseError({ code: 'checksum' })
  }
}

/** Words in lower case. Where each has its own number they are put in that order: phrases are shown in columns. */
function readWords(text: string): string[] {
  if (text.length > MAX_PHRASE_LENGTH) throw wrongLength()
  const pieces = text.normalize('NFKD').toLowerCase().split(SEPARATOR)
  const words = pieces.map(piece => piece.replace(NUMBER, '')).filter(word => word !== '')
  const numbers = pieces.flatMap(piece => NUMBER.exec(piece)?.slice(1).map(Number) ?? [])
  const numbered = numbers.length === words.length && new Set(numbers).size === words.length
  if (!numbered) return words
  return words
    .map((word, at) => ({ word, number: numbers[at]! }))
    .sort((one, other) => one.number - other.number)
    .map(({ word }) => word)
}

const wrongLength = (words?: number) => new RecoveryPhraseError({ code: 'length', words })
