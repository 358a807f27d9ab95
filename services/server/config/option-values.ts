import { UsageError } from '../../options/options.js'
import { type Address, formatAddress, InviteError, parseAddress } from '../../protocol/invite/address.js'

export function readText(name: string, text: string | undefined): string {
  if (text === undefined || text.trim() === '') throw new UsageError(`--${name} needs a value`)
  return text
}

interface Range {
  least: number
  most: number
}

/** A whole number in a range, both ends included. */
export function readCount(name: string, text: string | undefined, { least, most }: Range): number {
  const value = /^\d{1,15}$/.test(text ?? '') ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, not "${text}"`)
}

export function readWord<W extends string>(name: string, text: string | undefined, words: readonly W[]): W {
  const word = words.find(candidate => candidate === text)
  if (word === undefined) throw new UsageError(`--${name} must be one of ${words.join(', ')}, not "${text}"`)
  return word
}

/** HOST:PORT, and not only the host; an IPv6 host in brackets. */
export function readAddress(name: string, text: string): Address {
  const address = addressIn(text)
  if (address === undefined || formatAddress(address) !== text.toLowerCase())
    throw new UsageError(`--${name} must be HOST:PORT, as chat.example.org:5000, not "${text}"`)
  return address
}

function addressIn(text: string): Address | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof InviteError) return undefined
    throw error
  }
}
