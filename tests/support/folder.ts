import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs `use` with the path of a folder that is not there yet; removes it afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const parent = mkdtempSync(join(tmpdir(), 'parley-'))
  try {
    return await use(join(parent, 'data'))
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

/** The files of a folder that contain the marker in clear, hex or any of base64's three alignments. */
export function filesWith(folder: string, marker: string | Uint8Array): string[] {
  const forms = formsOf(Buffer.from(marker))
  const files = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isFile())
  return files
    .map(({ name }) => name)
    .filter(name => {
      const content = readFileSync(join(folder, name))
      return forms.some(form => content.includes(form))
    })
}

/** Clear, hex, and base64 (also of URLs) as it stands inside of longer text. */
export function formsOf(marker: Buffer): (Buffer | string)[] {
  const hex = marker.toString('hex')
  const base64 = [0, 1, 2].flatMap(shift => {
    const encoded = Buffer.concat([Buffer.alloc(shift), marker]).toString('base64')
    // Characters that the bytes before and after have a part in are cut off.
    const inner = encoded.slice(shift === 0 ? 0 : 4, Math.floor((shift + marker.length) / 3) * 4)
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [marker, hex, hex.toUpperCase(), ...base64]
}
