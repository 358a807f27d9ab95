// The findings of the benchmark, and how they are shown.

export interface Row {
  name: string
  value: number
  unit: string
  /** The limit that the parts below ours set, measured in the same run. */
  raw?: { what: string; value: number }[]
  target?: { what: string; reached: boolean }
  /** Further figures that explain this one. */
  details?: Record<string, number>
}

const DIGITS_FROM = 100

/** Three digits or so: more would be noise. */
function shown(value: number): string {
  const digits = Math.abs(value) >= DIGITS_FROM ? 0 : Math.abs(value) >= 1 ? 1 : 3
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
}

function cells({ name, value, unit, raw = [], target }: Row): string[] {
  const limits = raw.map(limit => `${shown(limit.value)} ${limit.what}`).join('; ')
  const verdict = target ? `${target.reached ? 'reached' : 'NOT REACHED'}: ${target.what}` : ''
  return [name, `${shown(value)} ${unit}`, limits, verdict]
}

const HEAD = ['what', 'measured', 'raw limit', 'target']

export function table(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const text = lines.map(line =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return [text[0], rule, ...text.slice(1)].join('\n')
}
