// The first start asks a person who they are: somebody new, or a further device of somebody.

import { join } from 'node:path'
import { isHandle } from '../../protocol/identity/handle.js'
import type { Terminal } from '../../terminal/entry.js'
import type { ClientOptions } from '../options.js'
import { HANDLE_OF_ACCOUNT, newHandleOr, whoAreYou, YOUR_HANDLE } from '../words/start.js'
import { HANDLE_RULE } from '../words/typed.js'
import { folderToJoin, type Purpose } from './link.js'
import { askPhrase } from './phrase.js'
import { chooseVault } from './vault-folder.js'

/** Known before anything is asked. */
export interface Wish {
  handle: string | undefined
  /** The words of an account are to be used. */
  purpose: Purpose | undefined
}

export interface Who {
  folder: string
  handle: string | undefined
  /** Of the account that this becomes a device of, or takes back. The seed is secret. */
  joins?: { seed: Uint8Array; purpose: Purpose }
}

/** A person types this in place of a handle to become a further device. */
const LINK = 'link'

type Asking = Pick<Terminal, 'ask' | 'print'>

/** undefined: the person went away while being asked. Throws UsageError for an account that is here already. */
export async function askWho(
  options: Pick<ClientOptions, 'data'>,
  terminal: Asking,
  { handle: given, purpose }: Wish,
): Promise<Who | undefined> {
  if (purpose) return await askWords(options, terminal, { given, purpose })
  const choice = chooseVault(options.data, given)
  if (choice.kind === 'known') return { folder: choice.folder, handle: given }
  if (given !== undefined) return { folder: join(options.data, given), handle: given }
  const question = choice.kind === 'several' ? whoAreYou(choice.handles) : YOUR_HANDLE
  tell(terminal, 'info', newHandleOr(LINK))
  const handle = await askHandle(terminal, question)
  if (handle === LINK) return await askWords(options, terminal, { given: undefined, purpose: 'link' })
  return handle === undefined ? undefined : { folder: join(options.data, handle), handle }
}

async function askWords(
  options: Pick<ClientOptions, 'data'>,
  terminal: Asking,
  { given, purpose }: { given: string | undefined; purpose: Purpose },
): Promise<Who | undefined> {
  const handle = given ?? (await askHandle(terminal, HANDLE_OF_ACCOUNT))
  if (handle === undefined) return undefined
  const folder = folderToJoin(options, handle, purpose)
  const seed = await askPhrase(terminal)
  return seed && { folder, handle, joins: { seed, purpose } }
}

async function askHandle(terminal: Asking, question: string): Promise<string | undefined> {
  for (;;) {
    const handle = (await terminal.ask(question))?.trim()
    if (handle === undefined || isHandle(handle)) return handle
    tell(terminal, 'warning', HANDLE_RULE)
  }
}

const tell = (terminal: Asking, level: 'info' | 'warning', text: string) =>
  terminal.print({ kind: 'notice', at: new Date(), level, text })
