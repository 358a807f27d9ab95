// How the harness tells adversaries and what they make from the honest, and for whom an honest text is.

import type { Role } from './program.js'

const ROLES: readonly Role[] = ['admin', 'member', 'removed']
/** Of `of-HANDLE`, the first name of a room; each further one of that founder has a number. */
const HONEST_ROOM = /^of-(?<founder>m\d+)(?:-\d+)?$/
const HONEST_TEXT = /^\S+ m\d+b? \d+ (?:\d+|last)(?: for (?<readers>\S+))?$/

export const adversaries = (count: number): { handle: string; role: Role }[] =>
  Array.from({ length: count }, (_, index) => ({
    handle: `x${index}`,
    role: ROLES[index % ROLES.length]!,
  }))

/** By what they go by: their handle, or that and a part of a fingerprint. */
export const isAdversary = (name: string): boolean => /^x\d+(~|$)/.test(name)

/** `name`: as all members have it. */
export const isHonest = ({ kind, peer, name }: { kind: string; peer: string; name: string }): boolean =>
  kind === 'room' ? HONEST_ROOM.test(name) : !isAdversary(peer)

/** The handle of the one who opened a room, which stays an admin of it where there are adversaries. */
export const founderOf = (name: string): string | undefined => HONEST_ROOM.exec(name)?.groups?.founder

/** Names those adversaries who are members, as the writer sees it: they are right to read it. */
export function marked(text: string, members: readonly { handle: string }[]): string {
  const readers = members.map(({ handle }) => handle).filter(isAdversary)
  return readers.length > 0 ? `${text} for ${readers.join(',')}` : text
}

export const isHonestText = (text: string): boolean => HONEST_TEXT.test(text)

/** Whether an honest text was not for this adversary. */
export function isSecretFrom(handle: string, text: string): boolean {
  const found = HONEST_TEXT.exec(text)
  if (!found) return false
  return !(found.groups?.readers ?? '').split(',').some(name => name.split('~')[0] === handle)
}
