// This device becomes a further one of an account that exists: by the account's 24 words.

import { join } from 'node:path'
import {
  type DeviceView,
  type Endpoint,
  type EndpointEvent,
  type LineState,
  openLocalEndpoint,
  type StopReason,
} from '../../endpoint/index.js'
import { UsageError } from '../../options/options.js'
import { RecoveryPhraseError, seedOf } from '../../protocol/identity/recovery-phrase.js'
import type { Terminal } from '../../terminal/entry.js'
import type { Exit } from '../exit.js'
import type { ClientOptions } from '../options.js'
import { deviceMeant, deviceRows } from '../words/devices.js'
import { stopCause } from '../words/line.js'
import * as words from '../words/start.js'
import { phraseCause } from '../words/typed.js'
import { passphraseGiven, startOptions } from './start.js'
import { chooseVault, removeVault } from './vault-folder.js'

/** After these an account that this device was not let into leaves nothing here that is of use. */
const USELESS: readonly StopReason[] = [
  'handle-taken',
  'handle-invalid',
  'handle-reserved',
  'too-many-devices',
]

/** The folder for a new device. Throws UsageError where the account is here already. */
export function folderToLink({ data }: Pick<ClientOptions, 'data'>, handle: string): string {
  const choice = chooseVault(data, handle)
  if (choice.kind === 'known') throw new UsageError(words.alreadyHere(handle, choice.folder))
  return join(data, handle)
}

/** Asks which of the account's devices makes room for this one, and tries again. False: none. */
export async function makeRoom(
  endpoint: Endpoint,
  terminal: Pick<Terminal, 'ask' | 'print'>,
): Promise<boolean> {
  const notice = (level: 'info' | 'warning', text: string) =>
    terminal.print({ kind: 'notice', at: new Date(), level, text })
  const devices = otherDevices(endpoint)
  notice('info', words.yourDevices(deviceRows(devices)))
  for (;;) {
    const answer = await terminal.ask(words.WHICH_TO_END)
    if (answer === undefined || answer.trim() === '') return false
    const device = deviceMeant(devices, answer.trim())
    if (!device) continue
    await endpoint.revokeDevice(device.id)
    endpoint.connect()
    return true
  }
}

/** Links in a pipe: the input is the words. Resolves when the server has let the device in, or has not. */
export async function linkFromPipe(
  options: ClientOptions,
  { input, note }: { input: NodeJS.ReadableStream; note(line: string): void },
): Promise<Exit> {
  const { handle } = options
  if (handle === undefined) throw new UsageError(words.WHOSE_ACCOUNT)
  const folder = folderToLink(options, handle)
  const seed = await readSeed(input)
  const { endpoint, connect } = await openSettling(folder, options)
  await endpoint.prepare({ handle, seed, ...startOptions(options, true) })
  let line = await connect()
  const devices = otherDevices(endpoint)
  const ended = options.revoke === undefined ? undefined : deviceMeant(devices, options.revoke)
  if (isFull(line) && ended) {
    await endpoint.revokeDevice(ended.id)
    line = await connect()
  }
  await endpoint.close()
  if (line.state === 'up') return 'done'
  if (line.state !== 'stopped') return 'timeout'
  note(line.reason === 'handle-taken' ? words.WRONG_WORDS : stopCause(line.cause))
  if (isFull(line)) tellFull(devices, options.revoke, note)
  if (USELESS.includes(line.reason)) removeVault(folder)
  return 'stopped'
}

/** `connect` resolves when the server has let the device in, or has not. */
async function openSettling(
  folder: string,
  { keyChange, timeoutMs }: Pick<ClientOptions, 'keyChange' | 'timeoutMs'>,
): Promise<{ endpoint: Endpoint; connect(): Promise<LineState> }> {
  let settle: (line: LineState) => void = () => undefined
  const onEvent = (event: EndpointEvent) => {
    if (event.type === 'line' && (event.line.state === 'up' || event.line.state === 'stopped'))
      settle(event.line)
  }
  const endpoint = await openLocalEndpoint({
    folder,
    passphrase: passphraseGiven(),
    keyChange,
    onEvent,
  })
  const connect = async (): Promise<LineState> => {
    const settled = new Promise<LineState>(resolve => {
      settle = resolve
    })
    endpoint.connect()
    const giveUp = () => settle({ state: 'connecting' })
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs)
    const line = await settled
    clearTimeout(timer)
    return line
  }
  return { endpoint, connect }
}

const isFull = (line: LineState): boolean => line.state === 'stopped' && line.reason === 'too-many-devices'

function tellFull(
  devices: readonly DeviceView[],
  revoke: string | undefined,
  note: (line: string) => void,
): void {
  for (const row of deviceRows(devices)) note(row)
  note(revoke === undefined ? words.END_ONE : words.noSuchDevice(revoke))
}

/** In the order in which they are numbered. */
const otherDevices = (endpoint: Endpoint): DeviceView[] =>
  endpoint.devices().filter(({ isThis, isRevoked }) => !isThis && !isRevoked)

/** Throws UsageError, which says nothing of the words. */
async function readSeed(input: NodeJS.ReadableStream): Promise<Uint8Array> {
  let text = ''
  for await (const chunk of input) text += String(chunk)
  try {
    return seedOf(text)
  } catch (error) {
    if (error instanceof RecoveryPhraseError) throw new UsageError(words.inTheInput(phraseCause(error.why)))
    throw error
  }
}
