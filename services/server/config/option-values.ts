import type { Place } from './invite.js'

/** An option is wrong. The message says which, and what is allowed. */
export class UsageError extends Error {
  override name = 'UsageError'
}

const MAX_PORT = 65_535

/** Runs the parser of node:util and keeps the first sentence of what it complains of. */
export function parsing<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${text.split(/[.\n]/, 1)[0]}: --help shows the options`)
  }
}

export function readText(name: string, text: string | undefined): string {
  if (text === undefined || text.trim() === '') throw new UsageError(`--${name} needs a value`)
  return text
}

export interface Range {
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

/** HOST:PORT; an IPv6 host in brackets. */
export function readPlace(name: string, text: string): Place {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const number = Number(port)
  if (host === undefined || number < 1 || number > MAX_PORT)
    throw new UsageError(`--${name} must be HOST:PORT, as chat.example.org:5000, not "${text}"`)
  return { host, port: number }
}
