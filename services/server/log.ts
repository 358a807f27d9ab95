import { type DestinationStream, destination, type Logger, pino } from 'pino'

interface LogOptions {
  level: string
  /** undefined: standard output. */
  file?: string
}

/**
 * The server's log: one JSON object a line. It gets no plaintext and no keys, because nothing here has any,
 * and no addresses, handles or device ids at levels above debug.
 */
export function openLog({ level, file }: LogOptions): Logger {
  const stream: DestinationStream =
    file === undefined ? destination(1) : destination({ dest: file, mkdir: true, mode: 0o600 })
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}
