// The operator's console: an endpoint like any other, in the server's process, that goes through the public contract.

import type { ReadStream, WriteStream } from 'node:tty'
import { type AccountKey, openLocalEndpoint } from '../endpoint/index.js'
import { spkiFingerprint } from '../rpc/node/certificate.js'
import type { EndReason, Terminal } from '../terminal/entry.js'
import { openTerminal } from '../terminal/terminal.js'
import { Chat } from './chat.js'
import type { OperatorActions } from './commands/command.js'
import { completions } from './commands/commands.js'
import { eventBuffer } from './event-buffer.js'
import { openWithPassphrase } from './start/passphrase.js'
import { WORDS_UNCONFIRMED } from './words/start.js'

export interface OperatorOptions {
  /** Where the relay listens, and the certificate (PEM) that it shows. */
  server: { host: string; port: number; certificate: string }
  /** The operator's vault. */
  folder: string
  handle: string
  passphrase: string | undefined
  /** The relay lets this account have the operator's handle. */
  admit(accountKey: AccountKey): void
  /** Said first, and written as it is: a link that a terminal wraps can be copied, one that we wrap cannot. */
  greeting(accountKey: AccountKey): readonly string[]
  input: ReadStream
  output: WriteStream
  /** The operator may do this with the relay. */
  actions(accountKey: AccountKey): OperatorActions
  /** The person wants to leave, which stops the server. */
  onQuit(): void
}

export interface OperatorConsole {
  close(): Promise<void>
}

/** Why the console cannot be opened, in words; undefined for a defect. */
export { errorWords as whyNotOpened } from './words/errors.js'

/** Opens the vault, asking for its passphrase where it has one, and the console. Throws VaultError. */
export async function openOperator(options: OperatorOptions): Promise<OperatorConsole> {
  const { server, folder, handle, output } = options
  const events = eventBuffer()
  const endpoint = await asking(options, ask =>
    openWithPassphrase(ask, options.passphrase, passphrase =>
      openLocalEndpoint({ folder, passphrase, requests: 'accept', onEvent: events.push }),
    ),
  )
  const { accountKey } = await endpoint.prepare({
    handle,
    keepsWords: true,
    address: { host: server.host, port: server.port },
    server: { fingerprint: spkiFingerprint(server.certificate), replacesPin: true },
  })
  options.admit(accountKey)
  for (const line of options.greeting(accountKey)) output.write(`${line}\n`)
  const terminal: Terminal = openTerminal({
    ...terminalOptions(options),
    onLine: line => chat.onLine(line),
    complete: line => completions(line, chat.handles()),
  })
  const chat = new Chat({
    endpoint,
    terminal,
    handle,
    operator: options.actions(accountKey),
    quit: options.onQuit,
  })
  events.drainTo(chat.onEvent)
  if (endpoint.keepsWords()) chat.warn(WORDS_UNCONFIRMED)
  const people = endpoint.people()
  if (people.length === 1) await chat.turnToFirst(people[0]!.handle)
  endpoint.connect()
  return {
    async close() {
      await endpoint.close()
      terminal.close()
    },
  }
}

function terminalOptions({ input, output, onQuit }: OperatorOptions) {
  return {
    input,
    output,
    color: output.isTTY === true && !process.env.NO_COLOR,
    // The end of a pipe is no wish to stop the server.
    onEnd: (reason: EndReason) => {
      if (reason === 'interrupt' || input.isTTY) onQuit()
    },
  }
}

/** Runs something that may have to ask; the terminal for it is there only while it asks. */
async function asking<T>(
  options: OperatorOptions,
  run: (terminal: Pick<Terminal, 'ask'> | undefined) => Promise<T>,
): Promise<T> {
  if (!options.input.isTTY) return await run(undefined)
  return await run({
    async ask(question, how) {
      const terminal = openTerminal({ ...terminalOptions(options), onLine: () => undefined })
      try {
        return await terminal.ask(question, how)
      } finally {
        terminal.close()
      }
    },
  })
}
