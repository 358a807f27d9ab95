import { OWN_DEVICES } from '../../endpoint/index.js'

/** The words for each code of a union: a row for each, or it does not compile. */
export type Words<Coded extends { code: string }, Said = string> = {
  [Code in Coded['code']]: (coded: Coded & { code: Code }) => Said
}

export function say<Coded extends { code: string }, Said>(words: Words<Coded, Said>, coded: Coded): Said {
  const row: (coded: never) => Said = words[coded.code as Coded['code']]
  return row(coded as never)
}

/** "1 line", "3 lines". */
export const counted = (count: number | bigint, what: string): string =>
  `${count} ${what}${Number(count) === 1 ? '' : 's'}`

/** A conversation's name for a person. */
export const peerName = (peer: string): string => (peer === OWN_DEVICES ? 'your devices' : peer)

/** A moment as a person reads it. */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`

export const listed = (names: readonly string[]): string => names.join(', ')
