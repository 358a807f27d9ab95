// What a person does with their own devices. Rows of the table in commands.ts.

import type { DeviceView } from '../../endpoint/index.js'
import { PHRASE_ADVICE, phraseRows } from '../start/phrase.js'
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

export function deviceRows(devices: readonly DeviceView[]): string[] {
  return devices.flatMap((device, at) => [
    `${at + 1}. ${device.name || 'without a name'}, since ${minute(device.since)}${standing(device)}`,
    `   ${device.fingerprint}`,
  ])
}

function standing({ isThis, isRevoked, lastHeard }: DeviceView): string {
  if (isThis) return ', this one'
  if (isRevoked) return ', revoked'
  return lastHeard ? `, last heard ${minute(lastHeard)}` : ', never heard'
}

const minute = (date: Date): string => `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** The device that a person means by its number in the list, or by its fingerprint or the beginning of that. */
export function deviceMeant(devices: readonly DeviceView[], text: string): DeviceView | undefined {
  if (/^\d{1,3}$/.test(text)) return devices[Number(text) - 1]
  const bare = text.replace(/^SHA256:/, '')
  const found = devices.filter(({ fingerprint }) => fingerprint.slice('SHA256:'.length).startsWith(bare))
  return bare.length > 0 && found.length === 1 ? found[0] : undefined
}

async function name(context: CommandContext, text: string): Promise<void> {
  await refusable(context, async () => {
    await context.endpoint.nameDevice(text)
    context.say(`this device is called ${text} among yours`)
  })
}

async function revoke(context: CommandContext, text: string): Promise<void> {
  const device = deviceMeant(context.endpoint.devices(), text)
  if (!device) return context.warn('which one? /devices lists them; /revoke NUMBER')
  const called = device.name || device.fingerprint
  const answer = await context.ask(`end ${called} for good? yes or no: `)
  if (answer?.trim() !== 'yes') return context.warn('left as it was')
  await refusable(context, async () => {
    await context.endpoint.revokeDevice(device.id)
    context.say(`${called} is revoked: it reads nothing of what is said from now on`)
  })
}

async function phrase(context: CommandContext): Promise<void> {
  const answer = await context.ask('whoever sees the words can be you. Show them? yes or no: ')
  if (answer?.trim() !== 'yes') return context.warn('not shown')
  context.say(PHRASE_ADVICE, phraseRows(context.endpoint.recoveryPhrase()))
}
