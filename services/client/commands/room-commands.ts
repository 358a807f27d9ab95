// Commands about rooms. Rows of the table in commands.ts.

import type { ConversationNumber } from '../../endpoint/index.js'
import * as words from '../words/commands.js'
import { type Command, type CommandContext, refusable } from './command.js'

export const ROOM_COMMANDS: readonly Command[] = [
  { name: 'room', argument: 'NAME', help: 'make a room and write to it', run: make },
  { name: 'invite', argument: 'HANDLE ...', help: 'add HANDLE, or several, to the room', run: invite },
  { name: 'remove', argument: 'HANDLE', help: 'remove HANDLE from the room', run: remove },
  { name: 'members', help: 'who is in the room, its topic and its rules', run: members },
  {
    name: 'name',
    argument: 'NAME',
    help: 'call the room NAME',
    run: settings(name => ({ kind: 'name', name })),
  },
  {
    name: 'topic',
    argument: 'TEXT',
    help: "set the room's topic",
    run: settings(topic => ({ kind: 'topic', topic })),
  },
  { name: 'admin', argument: 'HANDLE', help: 'make HANDLE an admin of the room', run: admin(true) },
  { name: 'unadmin', argument: 'HANDLE', help: 'HANDLE is no admin any more', run: admin(false) },
  {
    name: 'newcomers',
    argument: 'DAYS',
    help: 'hand new members what was said in the last DAYS days; 0: nothing',
    run: newcomers,
  },
  { name: 'leave', help: 'leave the room', run: leave },
]

type Run = Command['run']
type RoomChange = Parameters<CommandContext['endpoint']['changeRoom']>[1]

/** Runs on the conversation that lines go to; says what a room refuses. */
async function onTarget(
  context: CommandContext,
  act: (conversation: ConversationNumber) => Promise<void>,
): Promise<void> {
  const target = context.target()
  if (!target) return context.warn(words.WHICH_ROOM)
  await refusable(context, () => act(target.conversation))
}

const change = (context: CommandContext, wanted: RoomChange) =>
  onTarget(context, conversation => context.endpoint.changeRoom(conversation, wanted))

async function invite(context: CommandContext, names: string): Promise<void> {
  if (names === '') return context.warn(words.WHOM_TO_INVITE)
  // Each for itself: one who cannot be invited keeps nobody else out.
  for (const handle of names.split(/[\s,]+/)) await change(context, { kind: 'invite', handle })
}

async function remove(context: CommandContext, handle: string): Promise<void> {
  if (handle === '') return context.warn(words.WHOM_TO_REMOVE)
  await change(context, { kind: 'remove', handle })
}

function admin(isAdmin: boolean): Run {
  return async (context, handle) => {
    if (handle === '') return context.warn(words.WHOM)
    await change(context, { kind: 'admin', handle, isAdmin })
  }
}

function settings(wanted: (text: string) => RoomChange): Run {
  return (context, text) => change(context, wanted(text))
}

async function newcomers(context: CommandContext, days: string): Promise<void> {
  if (!/^\d{1,6}$/.test(days)) return context.warn(words.HOW_MANY_DAYS)
  await change(context, { kind: 'history', days: Number(days) })
}

async function make(context: CommandContext, name: string): Promise<void> {
  await refusable(context, async () => {
    context.turn(await context.endpoint.createRoom({ name, historyDays: 0 }))
  })
}

async function leave(context: CommandContext): Promise<void> {
  await onTarget(context, conversation => context.endpoint.leaveRoom(conversation))
}

async function members(context: CommandContext): Promise<void> {
  await onTarget(context, async conversation =>
    context.say(words.memberRows(context.endpoint.room(conversation)).join('\n')),
  )
}
