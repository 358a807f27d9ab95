import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeQR } from 'qr/decode.js'
import { safetyQr } from '../../../../services/client/commands/safety-qr.js'

describe('the QR code of a safety number', () => {
  const digits = fc.stringMatching(/^\d{60}$/)

  test('another program reads the digits from the rows, also where the background is light', () => {
    fc.assert(
      fc.property(digits, fc.boolean(), (number, isLightBackground) => {
        const text = scan(safetyQr(number), isLightBackground)
        expect(text).toBe(`parley-safety:1:${number}`)
      }),
      { numRuns: 40 },
    )
  })

  test('the spaces between the groups do not matter', () => {
    const number = '12345 '.repeat(12).trim()
    expect(safetyQr(number)).toEqual(safetyQr(number.replaceAll(' ', '')))
  })

  test('every code fits 40 columns and a small terminal, with light around it', () => {
    fc.assert(
      fc.property(digits, number => {
        const rows = safetyQr(number)
        expect(rows).toHaveLength(19)
        for (const row of rows) expect(row).toMatch(/^█{4}[█▀▄ ]{29}█{4}$/)
        for (const row of [...rows.slice(0, 2), ...rows.slice(-2)]) {
          expect(row).toMatch(/^(█{37}|█{4}[█▀▄]{29}█{4})$/)
        }
      }),
    )
  })
})

/** Pixels to the side of one module in the picture that is scanned. */
const SCALE = 4

/** A reader of QR codes at a terminal; on a light background the text, and so the code, is inverted. */
function scan(rows: string[], isLightBackground: boolean): string {
  const ink = isLightBackground ? 0 : 255
  const lines = rows.flatMap(row => [
    [...row].map(block => (block === '█' || block === '▀' ? ink : 255 - ink)),
    [...row].map(block => (block === '█' || block === '▄' ? ink : 255 - ink)),
  ])
  const [width, height] = [lines[0]!.length * SCALE, lines.length * SCALE]
  const data = new Uint8Array(width * height * 3)
  for (let at = 0; at < width * height; at += 1) {
    const shade = lines[Math.floor(at / width / SCALE)]![Math.floor((at % width) / SCALE)]!
    data.fill(shade, at * 3, at * 3 + 3)
  }
  return decodeQR({ width, height, data })
}
