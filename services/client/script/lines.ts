import type { Readable } from 'node:stream'

/** Lines of UTF-8 of any length, without their "\n"; reads on only when a line was taken. */
export async function* readLines(input: Readable): AsyncIterable<string> {
  input.setEncoding('utf8')
  let parts: string[] = []
  for await (const chunk of input) {
    const [rest = '', ...lines] = String(chunk).split('\n')
    parts.push(rest)
    for (const next of lines) {
      yield parts.join('')
      parts = [next]
    }
  }
  const last = parts.join('')
  if (last !== '') yield last
}
