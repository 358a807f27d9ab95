// The operator's console: an endpoint like any other, in the server's process, that goes through the public contract.

import type { ReadStream, WriteStream } from 'node:tty'
import { openEndpoint } from '../endpoint/endpoint.js'
import type { EndpointEvent } from '../endpoint/events.js'
import { spkiFingerprint } from '../rpc/certificate.js'
import { openTerminal } from '../terminal/terminal.js'
import { type Chat, openChat } from './chat.js'
import { completions } from './commands.js'
import { openWithPassphrase } from './passphrase.js'

export interface OperatorOptions {
  /** Where the relay listens, and the certificate (PEM) that it shows. */
  server: { host: string; port: number; certificate: string }
  /** The operator's vault. */
  folder: string
  handle: string
  passphrase: string | undefined
  /** The relay lets this account have the operator's handle. */
  admit(accountKey: Uint8Array): void
  input: ReadStream
  output: WriteStream
  /** The person wants to leave, which stops the server. */
  onQuit(): void
}

export interface OperatorConsole {
  /** For the invite link. */
  accountKey: Uint8Array
  say(text: string): void
  close(): Promise<void>
}

/** Opens the vault and the console. Throws VaultError. */
export async function openOperator(options: OperatorOptions): Promise<OperatorConsole> {
  const { server, folder, handle, input, output } = options
  let chat: Chat | undefined
  const early: EndpointEvent[] = []
  const terminal = openTerminal({
    input,
    output,
    color: output.isTTY === true && !process.env.NO_COLOR,
    onLine: line => chat?.onLine(line),
    // The end of a pipe is no wish to stop the server.
    onEnd: reason => (reason === 'interrupt' || input.isTTY ? options.onQuit() : undefined),
    complete: line => completions(line, chat?.handles() ?? []),
  })
  try {
    const endpoint = await openWithPassphrase(terminal, options.passphrase, passphrase =>
      openEndpoint({
        folder,
        passphrase,
        onEvent: event => (chat ? chat.onEvent(event) : early.push(event)),
      }),
    )
    const { account } = endpoint.prepare({
      handle,
      address: { host: server.host, port: server.port },
      server: { fingerprint: spkiFingerprint(server.certificate), replacesPin: true },
    })
    options.admit(account.publicKey)
    chat = openChat({ endpoint, terminal, handle, quit: options.onQuit })
    for (const event of early) chat.onEvent(event)
    const people = endpoint.people()
    if (people.length === 1) await chat.turnToFirst(people[0]!.handle)
    endpoint.connect()
    return {
      accountKey: account.publicKey,
      say: text => terminal.print({ kind: 'notice', at: new Date(), level: 'info', text }),
      async close() {
        await endpoint.close()
        terminal.close()
      },
    }
  } catch (error) {
    terminal.close()
    throw error
  }
}
