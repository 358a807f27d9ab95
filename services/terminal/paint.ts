// Colours. With colour off nothing is added to the text at all (https://no-color.org).

type Style = 'dim' | 'bold' | 'warning' | 'error' | { handle: string }

/** Text in a style; the sequence at the end undoes exactly what the one before began. */
export type Paint = (style: Style, text: string) => string

const SGR = { dim: [2, 22], bold: [1, 22], warning: [33, 39], error: [31, 39] } as const
// Not red, which means failure, and neither black nor white, one of which is the background.
const HANDLE_COLORS = [32, 34, 35, 36, 92, 94, 95, 96]
const DEFAULT_COLOR = 39

export function painter(color: boolean): Paint {
  if (!color) return (_style, text) => text
  return (style, text) => {
    const [begin, end] = typeof style === 'string' ? SGR[style] : [handleColor(style.handle), DEFAULT_COLOR]
    return `\x1b[${begin}m${text}\x1b[${end}m`
  }
}

/** The same for a handle at every start and on every machine. */
function handleColor(handle: string): number {
  let hash = 0
  for (const point of handle) hash = (hash * 31 + point.codePointAt(0)!) >>> 0
  return HANDLE_COLORS[hash % HANDLE_COLORS.length]!
}
