// Commands about one's own devices. Rows of the table in commands.ts.

import { LEFT_AS_IT_WAS } from '../words/chat.js'
import * as words from '../words/commands.js'
import { deviceMeant, deviceRows } from '../words/devices.js'
import { PROGRAM } from '../words/help.js'
import { phraseAdvice, phraseRows } from '../words/start.js'
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
    help: 'end a device of yours for good; also by its fingerprint',
    run: revoke,
  },
  { name: 'phrase', help: 'show the 24 words that your account can be restored from', run: phrase },
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
  const answer = await context.ask(words.endForGood(called))
  if (answer?.trim() !== 'yes') return context.warn(LEFT_AS_IT_WAS)
  await refusable(context, async () => {
    await context.endpoint.revokeDevice(device.id)
    context.say(words.deviceRevoked(called))
  })
}

async function phrase(context: CommandContext): Promise<void> {
  const answer = await context.ask(words.SHOW_WORDS)
  if (answer?.trim() !== 'yes') return context.warn(words.NOT_SHOWN)
  context.say(phraseAdvice(PROGRAM), phraseRows(context.endpoint.recoveryPhrase()))
}
