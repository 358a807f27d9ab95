// MLS seals padded content, so that the length of a ciphertext tells a bucket and no more (proto/parley/content/v1).
// ISO/IEC 7816-4: the content, then 0x80, then zeros up to the size of the bucket.

/** Bytes: buckets are this, doubled up to the largest. */
const SMALLEST_BUCKET_BYTES = 256
const LARGEST_BUCKET_BYTES = 128 * 1024
const PAD_START = 0x80

/** Throws RangeError for content that does not fit the largest bucket. */
export function pad(content: Uint8Array): Uint8Array {
  let bucket = SMALLEST_BUCKET_BYTES
  while (bucket < content.length + 1) bucket *= 2
  if (bucket > LARGEST_BUCKET_BYTES) throw new RangeError('The content is over the largest bucket')
  const padded = new Uint8Array(bucket)
  padded.set(content)
  padded[content.length] = PAD_START
  return padded
}

/** The content, as a view; undefined for what has no padding. The size that it was padded to is not looked at. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  let end = padded.length - 1
  while (padded[end] === 0) end--
  return padded[end] === PAD_START ? padded.subarray(0, end) : undefined
}
