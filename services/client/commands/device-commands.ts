// Commands about one's own devices. Rows of the table in commands.ts.

import { randomInt } from 'node:crypto'
import type { DeviceView } from '../../endpoint/index.js'
import { LEFT_AS_IT_WAS } from '../words/chat.js'
import * as words from '../words/commands.js'
import { deviceMeant, deviceRows } from '../words/devices.js'
import { PROGRAM } from '../words/help.js'
import { phraseAdvice, phraseRows, WORDS_GONE } from '../words/start.js'
import { type Command, type CommandContext, refusable } from './command.js'

export const DEVICE_COMMANDS: readonly Command[] = [
  {
    name: 'devices',
    help: 'your devices, by number',
    run: context => context.say(deviceRows(context.endpoint.devices()).join('\n')),
  },
  { name: 'device-name', argument: 'NAME', help: 'call this device NAME among yours', run: name },
  {
    name: 'revoke',
    argument: 'NUMBER',
    help: 'end a device of yours that stands behind this one; also by its fingerprint',
    run: revoke,
  },
  {
    name: 'give-history',
    argument: 'NUMBER',
    help: 'hand your history over to a new device of yours, which waits for it',
    run: giveHistory,
  },
  {
    name: 'phrase',
    help: 'show and confirm the 24 words that your account can be restored from',
    run: phrase,
  },
]

async function name(context: CommandContext, text: string): Promise<void> {
  await refusable(context, async () => {
    await context.endpoint.nameDevice(text)
    context.say(words.deviceNamed(text))
  })
}

async function revoke(context: CommandContext, text: string): Promise<void> {
  const device = deviceMeant(context.endpoint.devices(), text)
  if (!device) return context.warn(words.WHICH_DEVICE)
  const called = device.name || device.fingerprint
  if (device.name) context.say(words.isCalled(device.name, device.fingerprint))
  const answer = await context.ask(words.endForGood(called))
  if (answer?.trim() !== 'yes') return context.warn(LEFT_AS_IT_WAS)
  await refusable(context, async () => {
    await context.endpoint.revokeDevice(device.id)
    context.say(words.deviceRevoked(called))
  })
}

async function giveHistory(context: CommandContext, text: string): Promise<void> {
  const { endpoint } = context
  const device = deviceMeant(endpoint.devices(), text)
  if (!device) return context.warn(words.WHICH_TO_GIVE)
  const called = device.name || words.NAMELESS
  // For one that does not wait there is nothing to decide: the endpoint says why not.
  if (device.waitsForHistory && !device.isThis) {
    const answer = await context.ask(words.giveForGood(called, device.fingerprint))
    if (answer?.trim() !== 'yes') return context.warn(LEFT_AS_IT_WAS)
  }
  await refusable(context, async () => {
    await endpoint.giveHistory(device.id)
    const waiting = endpoint.devices().filter(each => each.waitsForHistory && !each.isThis)
    context.say(words.historyGiven(called, waiting.map(nameOrFingerprint)))
  })
}

const nameOrFingerprint = ({ name, fingerprint }: DeviceView): string => name || fingerprint

/** Words that a person types back. */
const ASKED_WORDS = 3

async function phrase(context: CommandContext): Promise<void> {
  const { endpoint } = context
  const kept = endpoint.recoveryPhrase()?.split(' ')
  if (!kept) return context.warn(WORDS_GONE)
  const places = somePlaces(kept.length)
  for (;;) {
    const answer = (await context.ask(words.confirmWords(places)))?.trim().toLowerCase() ?? ''
    if (answer === '') return context.warn(words.CONFIRM_LATER)
    if (answer === 'show') context.say(phraseAdvice(PROGRAM), phraseRows(kept.join(' ')))
    else if (answer.split(/[\s,]+/).join(' ') === places.map(place => kept[place - 1]).join(' ')) break
    else context.warn(words.WORDS_WRONG)
  }
  await endpoint.confirmWords()
  context.say(words.WORDS_CONFIRMED)
}

/** Drawn at random, in their order, from 1. */
function somePlaces(count: number): number[] {
  const places = new Set<number>()
  while (places.size < ASKED_WORDS) places.add(1 + randomInt(count))
  return [...places].sort((one, other) => one - other)
}
