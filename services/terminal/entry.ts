// The interface of the terminal, and its promises. Nothing here knows of keys or of the network.

/** How far an own message got: not at the server, at the server, at the peer's device, given up. */
export type Mark = 'waiting' | 'stored' | 'delivered' | 'failed'

export interface MessageEntry {
  kind: 'message'
  /** The name that `mark` knows it by; opaque. */
  id: string
  at: Date
  from: string
  /** Its receiver or its conversation: given where there is more than one. */
  to?: string
  own: boolean
  text: string
  /** Left out: the message is drawn without a mark and does not wait for one. */
  mark?: Mark
}

export interface NoticeEntry {
  kind: 'notice'
  at: Date
  level: 'info' | 'warning' | 'error'
  text: string
  /** Rows below the text, over the whole width: a drawing, a link to be copied. Never what somebody else wrote. */
  figure?: readonly string[]
}

export type Entry = MessageEntry | NoticeEntry

export type EndReason = 'interrupt' | 'eof'

/** Any text may be given to any of these: each is sanitised on its way in. */
export interface Terminal {
  print(entry: Entry): void
  /** An id that was never printed, or is long forgotten, changes nothing. */
  mark(id: string, mark: Mark): void
  /** The state of the line to the server and the like; '' removes it. */
  status(text: string): void
  /** Sets the text before the input, with its own space at the end. */
  prompt(text: string): void
  /**
   * One line that goes to the asker and not to `onLine`; questions wait for each other.
   * undefined: Ctrl-C, Ctrl-D on an empty line, the input's end, or `close`.
   */
  ask(question: string, options?: AskOptions): Promise<string | undefined>
  /** Gives the terminal back as it was; what is printed later is dropped. */
  close(): void
}

interface AskOptions {
  /** The answer is not shown and not remembered. */
  secret?: boolean
}

export interface TerminalOptions {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
  color: boolean
  /** The line as typed, not sanitised. In a pipe, a promise that it returns is awaited before reading on. */
  onLine(line: string): unknown
  /**
   * The person (each time: a second Ctrl-C may mean that it takes too long) or the pipe wants no more.
   * The terminal stays open until `close`.
   */
  onEnd(reason: EndReason): void
  /** Whole replacements for the text before the cursor. */
  complete?(line: string): string[]
}
