// This device becomes a further one of an account that exists, or takes it back: by the account's 24 words.

import { join } from 'node:path'
import {
  type DeviceView,
  type Endpoint,
  type EndpointEvent,
  type LineState,
  type ListWish,
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

/** The folder for the device. Throws UsageError where one is to be linked and the account is here already. */
export function folderToJoin(
  { data }: Pick<ClientOptions, 'data'>,
  handle: string,
  purpose: Purpose,
): string {
  const choice = chooseVault(data, handle)
  if (choice.kind !== 'known') return join(data, handle)
  if (purpose === 'link') throw new UsageError(words.alreadyHere(handle, choice.folder))
  return choice.folder
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

/** How the 24 words are used: to be one more device, or to take the account back. */
export type Purpose = 'link' | 'recover'

/**
 * Shows the devices of the account and asks for a list with this one; signs it and connects. False: the person does not
 * agree.
 */
export async function askToJoin(
  endpoint: Pick<Endpoint, 'connect' | 'devices' | 'join'>,
  terminal: Pick<Terminal, 'ask' | 'print'>,
  purpose: Purpose,
): Promise<boolean> {
  const notice = (level: 'info' | 'warning', text: string) =>
    terminal.print({ kind: 'notice', at: new Date(), level, text })
  const devices = otherDevices(endpoint)
  notice('info', devices.length > 0 ? words.yourDevices(deviceRows(devices)) : words.NOBODY_ELSE)
  let keep = devices
  if (purpose === 'recover' && devices.length > 0) {
    let kept: DeviceView[] | undefined
    while (!kept) {
      const answer = await terminal.ask(words.WHICH_STAY)
      if (answer === undefined) return false
      kept = devicesKept(devices, answer)
    }
    keep = kept
    notice('info', words.newList(deviceRows(keep)))
  }
  if (!(await isYes(terminal, purpose === 'link' ? words.MAY_LINK : words.MAY_RECOVER))) {
    notice('warning', words.NOT_SIGNED)
    return false
  }
  await endpoint.join(wishOf(purpose, keep))
  endpoint.connect()
  return true
}

/** Asks until the answer is one: after anything else than a yes all 24 words would have to be typed again. */
async function isYes(terminal: Pick<Terminal, 'ask'>, question: string): Promise<boolean> {
  let answer = await terminal.ask(question)
  while (answer !== undefined && !['yes', 'no'].includes(answer.trim()))
    answer = await terminal.ask(words.neitherYesNorNo(question))
  return answer?.trim() === 'yes'
}

const wishOf = (purpose: Purpose, keep: readonly DeviceView[]): ListWish => ({
  place: purpose === 'link' ? 'last' : 'first',
  keep: keep.map(({ id }) => id),
})

/** undefined: the text names one that is none of them, or nothing. */
function devicesKept(devices: readonly DeviceView[], text: string): DeviceView[] | undefined {
  const named = text.trim()
  if (named === 'all') return [...devices]
  if (named === 'none') return []
  const meant = named.split(/[\s,]+/).map(each => deviceMeant(devices, each))
  return meant.some(device => !device) ? undefined : meant.flatMap(device => device ?? [])
}

/** Links or recovers in a pipe: the input is the words. Resolves when the server has let the device in, or has not. */
export async function joinFromPipe(
  options: ClientOptions,
  purpose: Purpose,
  { input, note }: { input: NodeJS.ReadableStream; note(line: string): void },
): Promise<Exit> {
  const { handle } = options
  if (handle === undefined) throw new UsageError(words.WHOSE_ACCOUNT)
  const folder = folderToJoin(options, handle, purpose)
  const seed = await readSeed(input)
  const { endpoint, connect } = await openSettling(folder, options)
  const fresh = endpoint.account() === undefined
  let useless: string | undefined
  try {
    await endpoint.prepare({ handle, seed, asksBeforeJoining: true, ...startOptions(options, fresh) })
    let line = await connect()
    const isUnsigned = line.state !== 'stopped'
    if (isAsking(line)) line = (await joinUnasked(endpoint, { ...options, purpose, note }, connect)) ?? line
    const ended =
      options.revoke === undefined ? undefined : deviceMeant(otherDevices(endpoint), options.revoke)
    if (isFull(line) && ended) {
      await endpoint.revokeDevice(ended.id)
      line = await connect()
    }
    if (line.state === 'up') return 'done'
    if (line.state !== 'stopped') {
      // The words do not stay for another time.
      await endpoint.abandonJoining()
      if (fresh && isUnsigned) useless = folder
      return 'timeout'
    }
    if (!isAsking(line)) note(line.reason === 'handle-taken' ? words.WRONG_WORDS : stopCause(line.cause))
    if (isFull(line)) tellFull(otherDevices(endpoint), options.revoke, note)
    await endpoint.abandonJoining()
    const isUseless = isAsking(line) || USELESS.includes(line.reason)
    if (fresh && isUseless && !endpoint.wasTakenIn()) useless = folder
    return 'stopped'
  } finally {
    await endpoint.close()
    if (useless) removeVault(useless)
  }
}

/** undefined: the options do not agree. */
async function joinUnasked(
  endpoint: Endpoint,
  {
    yes,
    keep,
    purpose,
    note,
  }: Pick<ClientOptions, 'yes' | 'keep'> & { purpose: Purpose; note(line: string): void },
  connect: () => Promise<LineState>,
): Promise<LineState | undefined> {
  const devices = otherDevices(endpoint)
  const kept = purpose === 'link' ? devices : devicesKept(devices, keep ?? '')
  if (yes && kept) {
    await endpoint.join(wishOf(purpose, kept))
    return await connect()
  }
  for (const row of deviceRows(devices)) note(row)
  if (keep !== undefined && !kept) note(words.noSuchKept(keep))
  else note(purpose === 'link' ? words.AGREE_WITH_YES : words.SAY_KEEP)
  return undefined
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

/** The device is on no list of the account yet: a person decides whether it comes onto one. */
export const isAsking = (line: LineState): boolean => line.state === 'stopped' && line.reason === 'not-listed'

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
const otherDevices = (endpoint: Pick<Endpoint, 'devices'>): DeviceView[] =>
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
