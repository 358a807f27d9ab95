import qrcode from 'qrcode-generator'
import { safetyCode } from '../../protocol/identity/safety-number.js'

/** Light modules around the code (ISO/IEC 18004:2015 section 6.3.8). */
const QUIET_ZONE = 4

/**
 * A QR code of a safety number, as 19 rows of 37 half blocks. Light modules are drawn and dark ones left out, which is
 * right where the background is dark; on a light one the code comes out inverted, which readers may but need not take
 * ("reflectance reversal", ISO/IEC 18004:2015 section 6.2). Throws RangeError for what is not a safety number.
 */
export function safetyQr(number: string): string[] {
  const { prefix, digits } = safetyCode(number)
  // Nobody smudges a screen, so the lowest correction: with it, and digits packed as digits, 40 columns do.
  const code = qrcode(0, 'L')
  code.addData(prefix, 'Byte')
  code.addData(digits, 'Numeric')
  code.make()
  return halfBlocks(code.getModuleCount(), code.isDark)
}

function halfBlocks(modules: number, isDark: (row: number, column: number) => boolean): string[] {
  const isInside = (at: number) => at >= 0 && at < modules
  const isLight = (row: number, column: number) => !(isInside(row) && isInside(column) && isDark(row, column))
  const side = modules + 2 * QUIET_ZONE
  const columns = Array.from({ length: side }, (_, at) => at - QUIET_ZONE)
  return Array.from({ length: Math.ceil(side / 2) }, (_, at) => {
    const row = 2 * at - QUIET_ZONE
    return columns.map(column => halfBlock(isLight(row, column), isLight(row + 1, column))).join('')
  })
}

function halfBlock(upper: boolean, lower: boolean): string {
  if (upper) return lower ? '█' : '▀'
  return lower ? '▄' : ' '
}
