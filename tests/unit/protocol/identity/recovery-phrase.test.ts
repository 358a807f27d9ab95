import { describe, expect, test } from '@jest/globals'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import fc from 'fast-check'
import {
  PHRASE_WORDS,
  phraseOf,
  RecoveryPhraseError,
  seedOf,
} from '../../../../services/protocol/identity/recovery-phrase.js'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const ZEROS = `${'abandon '.repeat(23)}art`
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function refusal(text: string): RecoveryPhraseError | undefined {
  try {
    seedOf(text)
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(RecoveryPhraseError)
    return error as RecoveryPhraseError
  }
}

/** A phrase with one word replaced, at a position counted from 1. */
function replaced(position: number, word: string): string {
  return ZEROS.split(' ')
    .with(position - 1, word)
    .join(' ')
}

describe('recovery phrases', () => {
  // https://github.com/trezor/python-mnemonic/blob/master/vectors.json, those of 256 bits.
  test.each([
    ['00'.repeat(32), ZEROS],
    ['ff'.repeat(32), `${'zoo '.repeat(23)}vote`],
    [
      '7f'.repeat(32),
      'legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title',
    ],
    [
      '80'.repeat(32),
      'letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless',
    ],
    [
      '68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c',
      'hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length',
    ],
    [
      '9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863',
      'panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside',
    ],
  ])('the vector of BIP-39 for %s', (seed, phrase) => {
    expect(phraseOf(Buffer.from(seed, 'hex'))).toBe(phrase)
    expect(hex(seedOf(phrase))).toBe(seed)
  })

  test('every seed comes back from its words', () => {
    fc.assert(
      fc.property(seeds, seed => {
        const phrase = phraseOf(seed)
        expect(phrase.split(' ')).toHaveLength(PHRASE_WORDS)
        expect(seedOf(phrase)).toEqual(seed)
      }),
    )
  })

  test.each<[string, (word: string, at: number) => string]>([
    ['in capitals', word => `${word.toUpperCase()} `],
    ['in full-width letters', word => `${word.replace(/./g, wide)} `],
    ['one to a row, with spaces around', word => `  ${word}\t\r\n`],
    ['with commas', word => `${word}, `],
    ['numbered "1. word"', (word, at) => `${at + 1}. ${word}\n`],
    ['numbered "1.word"', (word, at) => `${at + 1}.${word} `],
    ['numbered "1) word"', (word, at) => `${at + 1}) ${word}  `],
    ['numbered "01: word"', (word, at) => `${String(at + 1).padStart(2, '0')}: ${word}  `],
    ['numbered "1 word"', (word, at) => `${at + 1} ${word} `],
  ])('a phrase %s is read', (_, write) => {
    fc.assert(
      fc.property(seeds, seed => {
        const text = phraseOf(seed).split(' ').map(write).join('')
        expect(seedOf(text)).toEqual(seed)
      }),
      { numRuns: 10 },
    )
  })

  test('numbers put the words in order, as when columns are copied row by row', () => {
    const shuffled = fc.shuffledSubarray(
      Array.from({ length: PHRASE_WORDS }, (_, at) => at),
      { minLength: PHRASE_WORDS },
    )
    fc.assert(
      fc.property(seeds, shuffled, (seed, order) => {
        const words = phraseOf(seed).split(' ')
        expect(seedOf(order.map(at => `${at + 1}. ${words[at]}`).join('   '))).toEqual(seed)
      }),
      { numRuns: 30 },
    )
  })

  test('numbers that are not each one’s own put nothing in order: the words are read as they stand', () => {
    const phrase = phraseOf(Uint8Array.from({ length: 32 }, (_, at) => at))
    const words = phrase.split(' ')
    const numbered = (numbers: number[]) => words.map((word, at) => `${numbers[at]}. ${word}`).join('\n')
    const swapped = [2, 1, ...Array.from({ length: 22 }, (_, at) => at + 3)]
    expect(hex(seedOf(numbered(swapped.with(23, 23))))).toBe(hex(seedOf(phrase)))
    // One number too many, which is another one's.
    expect(hex(seedOf(`${numbered(swapped)}\n1.`))).toBe(hex(seedOf(phrase)))
    expect(refusal(numbered(swapped))?.why).toEqual({ code: 'checksum' })
  })

  test('a text of 1,024 characters is read, and no longer one', () => {
    expect(hex(seedOf(ZEROS.padEnd(1024)))).toBe('00'.repeat(32))
    expect(refusal(ZEROS.padEnd(1025))?.why).toEqual({ code: 'length', words: undefined })
  })

  test.each([
    ['', 0],
    [ZEROS.replace(' art', ''), 23],
    [`${ZEROS} art`, 25],
    ['zoo '.repeat(300), undefined],
  ])('%p has the wrong length', (text, words) => {
    expect(refusal(text)?.why).toEqual({ code: 'length', words })
  })

  test('words that are not on the list are told by their positions', () => {
    expect(refusal(replaced(3, 'abandom'))?.why).toEqual({ code: 'unknown-word', positions: [3] })
    const twice = refusal(replaced(3, 'abandom').replace(' art', ' arts'))
    expect(twice?.why).toEqual({ code: 'unknown-word', positions: [3, 24] })
  })

  test('a digit within a word makes it another one', () => {
    expect(refusal(replaced(3, 'aban1don'))?.why).toEqual({ code: 'unknown-word', positions: [3] })
  })

  test('a position is the number that the person wrote', () => {
    const words = replaced(3, 'abandom').split(' ')
    const backwards = words.map((word, at) => `${at + 1}. ${word}`).toReversed()
    expect(refusal(backwards.join(' '))?.why).toMatchObject({ positions: [3] })
  })

  test('a wrong word and words that changed places fail the checksum, save the one in 256 that passes it', () => {
    expect(refusal(`art ${'abandon '.repeat(23)}`)?.why).toEqual({ code: 'checksum' })
    const words = fc.constantFrom(...wordlist)
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 23 }), words, (seed, at, word) => {
        const phrase = phraseOf(seed)
        const other = phrase.split(' ').with(at, word).join(' ')
        if (other === phrase) return
        const error = refusal(other)
        if (error === undefined) expect(phraseOf(seedOf(other))).toBe(other)
        else expect(error.why.code).toBe('checksum')
      }),
    )
  })

  test('hostile text is refused with RecoveryPhraseError, whose text repeats no word', () => {
    const pieces = fc.oneof(
      fc.constantFrom(...wordlist.slice(0, 20), '1.', '99)', ',', '\u0000', '__proto__'),
      fc.string({ unit: 'binary' }),
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { minLength: 20, maxLength: 30, size: 'max' }).map(list => list.join(' ')),
    )
    fc.assert(
      fc.property(text, hostile => {
        const error = refusal(hostile)
        // By chance only: a 24-word phrase with the right checksum.
        if (error === undefined) expect(seedOf(hostile)).toHaveLength(32)
        else expect(error.message).not.toContain('abandon')
      }),
      { numRuns: 2000 },
    )
  })

  test('no error holds the words, not even as its cause', () => {
    const phrase = replaced(24, 'abandon')
    for (const text of [phrase, `${phrase} zebra`, replaced(7, 'sesame')]) {
      const error = refusal(text)!
      expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toMatch(/abandon|zebra|sesame/)
      expect(error.cause).toBeUndefined()
      expect(error.name).toBe('RecoveryPhraseError')
    }
  })

  test('a seed of another length has no words', () => {
    expect(() => phraseOf(new Uint8Array(16))).toThrow(new RangeError('The seed of an account has 32 bytes'))
  })
})

/** U+FF41..: the letters that some keyboards of East Asia type. */
function wide(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) + 0xff41 - 0x61)
}
