// Tools for those who check the contract's vectors as somebody would with only the files of proto/ and another library of
// the primitives: nothing here is from services/.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ed25519 } from '@noble/curves/ed25519.js'

const FOLDER = fileURLToPath(new URL('../../../tests/vectors/contract/', import.meta.url))

export const read = <T>(name: string): T => JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8')) as T
export const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
export const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex')
export const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))
export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'ascii'))

export const labelled = (label: string, ...parts: Uint8Array[]): Uint8Array =>
  joined(ascii(label), Uint8Array.of(0), ...parts)

/** Big-endian, in so many bytes. */
export function uint(value: number, size: number): Uint8Array {
  const made = Buffer.alloc(size)
  made.writeUIntBE(value, Math.max(0, size - 6), Math.min(size, 6))
  return Uint8Array.from(made)
}

export const isSigned = (
  label: string,
  of: { signed: Uint8Array; signature: Uint8Array; key: Uint8Array },
): boolean => ed25519.verify(of.signature, labelled(label, of.signed), of.key)
