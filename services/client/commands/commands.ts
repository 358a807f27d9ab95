// The commands that a person types. /help is derived from this table.

import { HOW_MANY_LINES, TYPED_LINES, WHOM_TO } from '../words/commands.js'
import type { Command, CommandContext } from './command.js'
import { DEVICE_COMMANDS } from './device-commands.js'
import { doctorCommand } from './doctor.js'
import { OPERATOR_COMMANDS } from './operator-commands.js'
import { ROOM_COMMANDS } from './room-commands.js'
import { TRUST_COMMANDS } from './trust-commands.js'

const HISTORY_LINES = 50

export const COMMANDS: readonly Command[] = [
  { name: 'to', argument: 'HANDLE|#ROOM', help: 'write to HANDLE, or to a room, from here on', run: turnTo },
  {
    name: 'who',
    help: 'who is here, and when they were last heard',
    run: context => context.say(context.who().join('\n')),
  },
  ...ROOM_COMMANDS,
  ...TRUST_COMMANDS,
  ...DEVICE_COMMANDS,
  {
    name: 'history',
    argument: '[N]',
    help: `the last N lines with whom you write to (${HISTORY_LINES})`,
    run: history,
  },
  {
    name: 'keys',
    help: 'fingerprints of the server, of you, and of whom you know',
    run: context => context.say(context.fingerprints().join('\n')),
  },
  { name: 'doctor', help: 'look for what is wrong, and repair it', run: doctorCommand },
  {
    name: 'passphrase',
    help: 'set, change or remove the passphrase of what is kept here',
    run: context => context.changePassphrase(),
  },
  ...OPERATOR_COMMANDS,
  {
    name: 'help',
    help: 'this list',
    run: context => context.say(helpText(context.operator !== undefined)),
  },
  { name: 'quit', help: 'leave; what is unsent is sent the next time', run: context => context.quit() },
]

export function helpText(isOperator = false): string {
  const commands = COMMANDS.filter(({ isOperators }) => isOperator || !isOperators)
  const usage = ({ name, argument }: Command) => `/${name}${argument ? ` ${argument}` : ''}`
  const width = Math.max(...commands.map(command => usage(command).length))
  const rows = commands.map(command => `${usage(command).padEnd(width)}  ${command.help}`)
  return [...rows, ...TYPED_LINES.map(([typed, meaning]) => `${typed.padEnd(width)}  ${meaning}`)].join('\n')
}

/** The meaning of a typed line. */
type Typed =
  | { kind: 'text'; text: string }
  | { kind: 'to'; handle: string; text: string }
  | { kind: 'command'; command: Command; argument: string }
  | { kind: 'unknown'; name: string }

export function readTyped(line: string): Typed {
  if (line.startsWith('//')) return { kind: 'text', text: line.slice(1) }
  // Also what is no handle: "@Bob ..." must not go to whom the lines go to now.
  const addressed = /^@(\S+)[ \n]([\s\S]+)$/.exec(line)
  if (addressed) return { kind: 'to', handle: addressed[1]!, text: addressed[2]! }
  const called = /^\/(\S*)\s*([\s\S]*)$/.exec(line)
  if (!called) return { kind: 'text', text: line }
  const command = COMMANDS.find(({ name }) => name === called[1])
  return command
    ? { kind: 'command', command, argument: called[2]!.trim() }
    : { kind: 'unknown', name: called[1]! }
}

/** Whole replacements for what was typed so far. */
export function completions(line: string, handles: readonly string[]): string[] {
  const to = /^(@|\/(?:to|verify|verified|accept|block|unblock|ban|unban) )(\S*)$/.exec(line)
  if (to) return handles.filter(handle => handle.startsWith(to[2]!)).map(handle => `${to[1]}${handle} `)
  if (!/^\/[\w-]*$/.test(line)) return []
  return COMMANDS.map(({ name }) => `/${name}`)
    .filter(name => name.startsWith(line))
    .map(name => `${name} `)
}

async function turnTo(context: CommandContext, handle: string): Promise<void> {
  if (handle === '') context.warn(WHOM_TO)
  else await context.turnTo(handle)
}

function history(context: CommandContext, argument: string): void {
  const limit = argument === '' ? HISTORY_LINES : Number(argument)
  if (Number.isInteger(limit) && limit > 0) context.showHistory(limit)
  else context.warn(HOW_MANY_LINES)
}
