// The one file that touches the terminal: its modes, its size, its keys and what is written to it.

import { emitKeypressEvents } from 'node:readline'
import type { Key } from './editor.js'
import { type Drawn, encode, NOTHING_DRAWN, reflowed } from './frame.js'
import type { Screen } from './model.js'
import type { Frame } from './view.js'

export interface Device {
  size(): Screen
  /** One write for each frame. A terminal's writes are synchronous in node, so there is no drain to wait for. */
  show(frame: Frame): void
  /** The next frame is drawn whole. */
  forget(): void
  /** Gives back the modes and stops reading. Once or more. */
  close(): void
}

interface DeviceOptions {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
  onKey(key: Key): void
  onResize(): void
  /** Nobody is at the other end any more. */
  onGone(): void
}

const DEFAULT_SCREEN: Screen = { columns: 80, rows: 24 }
// Bracketed paste: the terminal says where a paste begins and ends, so that its newlines do not send.
const PASTE_ON = '\x1b[?2004h'
const PASTE_OFF = '\x1b[?2004l'

export function openDevice(options: DeviceOptions): Device {
  const { input, output } = options
  let drawn: Drawn = NOTHING_DRAWN
  const size = () => ({
    columns: output.columns || DEFAULT_SCREEN.columns,
    rows: output.rows || DEFAULT_SCREEN.rows,
  })
  const forget = () => {
    drawn = { ...drawn, rows: [] }
  }
  const release = attach(options, () => {
    drawn = reflowed(drawn, size().columns)
    options.onResize()
  })
  input.setRawMode(true)
  input.resume()
  output.write(PASTE_ON)
  return {
    size,
    forget,
    show(frame) {
      const next = encode(drawn, frame)
      drawn = next.drawn
      output.write(next.bytes)
    },
    close: release,
  }
}

/** Listens to everything; what it returns lets go of everything. */
function attach(options: DeviceOptions, onResize: () => void): () => void {
  const { input, output, onGone } = options
  const onKey = (_typed: string | undefined, key: Key) => options.onKey(key)
  let attached = true
  const release = () => {
    if (!attached) return
    attached = false
    input.off('keypress', onKey).off('end', onGone)
    output.off('resize', onResize)
    process.off('exit', release)
    output.write(PASTE_OFF)
    input.setRawMode(false)
    input.pause()
  }
  emitKeypressEvents(input)
  input.on('keypress', onKey).on('end', onGone).on('error', onGone)
  // A terminal that was closed gives EIO at any later time: these two listeners stay.
  output.on('resize', onResize).on('error', onGone)
  // The shell after the process must not be left in our modes, however that ends.
  process.on('exit', release)
  return release
}
