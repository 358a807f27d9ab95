// A terminal of the smallest kind: it knows the sequences that the device may use and refuses all others.

import { PassThrough } from 'node:stream'

export interface VirtualScreen {
  /** Throws at a sequence or control character that is not ours. */
  write(bytes: string): void
  /** From the first row that was ever written to the last, without colours and trailing blanks. */
  text(): string[]
  cursorRow(): number
  /** Breaks the rows that are wider, as terminals do when they get narrower. Counts UTF-16 units. */
  reflow(columns: number): void
}

const ESC = '\x1b'
const OURS = new RegExp(
  `${ESC}\\[(\\d*)A|${ESC}\\[J|${ESC}\\[\\?(?:7|2004)[hl]|${ESC}\\[[\\d;]+m|\\r|\\n|[^\\p{Cc}]+`,
  'guy',
)

export function virtualScreen(): VirtualScreen {
  const lines: string[] = ['']
  let row = 0
  let column = 0
  const apply = (token: string, count: string | undefined) => {
    if (count !== undefined) row -= Number(count)
    else if (token === '\x1b[J') {
      lines.splice(row + 1)
      lines[row] = lines[row]!.slice(0, column)
    } else if (token === '\r') column = 0
    else if (token === '\n') lines[++row] ??= ''
    else if (!token.startsWith('\x1b')) {
      const line = lines[row]!.padEnd(column)
      lines[row] = line.slice(0, column) + token + line.slice(column + token.length)
      column += token.length
    }
    if (row < 0) throw new Error('above the first row')
  }
  return {
    write(bytes) {
      let read = 0
      for (const match of bytes.matchAll(OURS)) {
        read = match.index + match[0].length
        apply(match[0], match[1])
      }
      if (read !== bytes.length) throw new Error(`not ours: ${JSON.stringify(bytes.slice(read, read + 20))}`)
    },
    reflow(columns) {
      const broken = lines.map(line => line.match(new RegExp(`.{1,${columns}}`, 'gsu')) ?? [''])
      row = broken.slice(0, row).flat().length + Math.floor(column / columns)
      column %= columns
      lines.splice(0, lines.length, ...broken.flat())
    },
    text: () => lines.map(line => line.trimEnd()),
    cursorRow: () => row,
  }
}

/** Streams that stand for a terminal's two sides. */
export function fakeTerminal(columns: number, rows: number) {
  const screen = virtualScreen()
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode(raw: boolean) {
      modes.push(raw)
      return input
    },
  })
  const output = Object.assign(new PassThrough(), { isTTY: true, columns, rows })
  output.on('data', bytes => screen.write(String(bytes)))
  return {
    input,
    output,
    screen,
    modes,
    streams: {
      input: input as unknown as NodeJS.ReadStream,
      output: output as unknown as NodeJS.WriteStream,
    },
    resize(size: { columns: number; rows: number }) {
      Object.assign(output, size)
      screen.reflow(size.columns)
      output.emit('resize')
    },
  }
}
