// Bytes as values: JavaScript compares and hashes arrays by their identity.

/** A key for a Map: the same for the same bytes. */
export function bytesKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
