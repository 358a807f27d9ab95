// The doctor's findings and deeds, and what is left for a person.

import type {
  AccountFound,
  ConnectionFound,
  ConversationFound,
  Deed,
  Found,
  VaultFound,
} from '../../endpoint/index.js'
import { unreadable } from './history.js'
import { lineCause, stopCause, unreachable } from './line.js'
import { counted, minute, say, type Words } from './words.js'

interface FoundWords {
  text: string
  /** Says what a person can do, where it is not well. */
  remedy?: string
}

/** `isWell`: nothing has to be done. */
export function found(what: Found, isWell: boolean): FoundWords {
  const { text, remedy } = say<Found, FoundWords>(FOUND, what)
  return remedy === undefined || isWell ? { text } : { text, remedy }
}

export const deed = (did: Deed): string => say(DEEDS, did)

const OPERATOR = "tell the server's operator"

/** The addresses that a name stands for. */
const named = (addresses: readonly string[]) =>
  addresses.length > 0 ? `the name is ${addresses.join(', ')}; ` : ''

const CONNECTION: Words<ConnectionFound, FoundWords> = {
  'no-server': () => ({ text: 'no server is known', remedy: 'give its address or an invite link' }),
  'name-unknown': ({ address }) => ({
    text: `${address}: the name is not known (DNS)`,
    remedy: 'check how it is spelled, and the network',
  }),
  'server-answers': ({ address, addresses }) => ({
    text: `${address} answers: ${named(addresses)}TCP and TLS work`,
  }),
  'server-unreachable': ({ address, addresses, why }) => ({
    text: `${named(addresses)}${unreachable(address, why)}`,
  }),
  'server-key-pinned': () => ({ text: 'its key is the one that is pinned' }),
  'server-key-vouched': () => ({ text: 'an authority vouches for its certificate' }),
  'server-key-wrong': ({ why }) => {
    const [text = '', ...rest] = stopCause(why).split('\n')
    return { text, remedy: rest.join(' ').trim() }
  },
  certificate: ({ notAfter, days, isPinned }) => {
    const date = notAfter.toISOString().slice(0, 10)
    const text =
      days < 0
        ? `its certificate ran out on ${date}`
        : `its certificate runs for ${counted(days, 'day')} more, to ${date}`
    if (isPinned) return { text: `${text}; what is pinned is its key` }
    return { text, remedy: 'the operator has to renew it' }
  },
  'line-up': () => ({ text: 'the line is up' }),
  'line-not-up': () => ({ text: 'the line is not up yet' }),
  'line-down': ({ why }) => ({
    text: `the line is down: ${lineCause(why)}`,
    remedy: 'it is tried again by itself',
  }),
  'line-stopped': ({ why }) => ({ text: `the line is not tried any more: ${lineCause(why)}` }),
  clock: ({ offsetMs }) => {
    const seconds = (Math.abs(offsetMs) / 1000).toFixed(1)
    const way = offsetMs < 0 ? 'behind' : 'ahead of'
    return { text: `this machine's clock is ${seconds} s ${way} the server's`, remedy: 'set the clock' }
  },
}

type KeyPackages = Extract<AccountFound, { atServer: number }>

const keyPackages = ({ atServer, here, hasLastResort }: KeyPackages): string =>
  `${counted(atServer, 'key package')} left at the server, the keys of ${here} here; ${hasLastResort ? 'one' : 'none'} of last resort`

const ACCOUNT: Words<AccountFound, FoundWords> = {
  'server-not-asked': ({ why }) => ({
    text: `the server could not be asked about this device: ${lineCause(why)}`,
  }),
  registered: ({ handle, devices }) => ({
    text: `${handle} is registered with ${counted(devices, 'device')}, this one among them`,
  }),
  'not-listed': ({ handle }) => ({
    text: `the server does not list this device among those of ${handle}: others cannot add it`,
    remedy: OPERATOR,
  }),
  'key-packages': what => ({ text: keyPackages(what) }),
  'key-packages-elsewhere': what => ({
    text: `${keyPackages(what)}: what is made with one whose key is not here cannot be opened`,
    remedy: 'whoever cannot reach you tries again',
  }),
  'key-packages-none': what => ({ text: `${keyPackages(what)}: nobody can reach this device` }),
}

/** A line names so many at most. */
const NAMED = 5
const GONE = 'somebody who has left'

type Unheard = Extract<ConversationFound, { code: 'agreement' }>['unheard']

function unheardTold(unheard: Unheard): string {
  const names = unheard
    .slice(0, NAMED)
    .map(({ handle, last }) => `${handle} (${last ? `last ${minute(last)}` : 'never'})`)
  const more = unheard.length - names.length
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const CONVERSATION: Words<ConversationFound, FoundWords> = {
  blocked: () => ({ text: 'you have blocked them' }),
  'key-changed': ({ handle }) => ({
    text: 'they have another key than before: nothing is sent to them',
    remedy: `/verify ${handle}, then /accept ${handle}`,
  }),
  'not-in-room': () => ({ text: 'you are not in it any more' }),
  'no-other-device': () => ({ text: 'no other device is in it' }),
  'from-history': () => ({ text: 'it came with the history, and is opened when you write in it' }),
  'keys-useless': () => ({ text: 'its keys are of no use any more, and it has to be opened anew' }),
  'nobody-reachable': ({ handle }) => ({
    text: `${handle} has no device on this server that can be reached yet`,
  }),
  leaving: () => ({ text: 'you have left; a member has still to remove this device' }),
  'state-lost': ({ isLeaving, askedAt }) => {
    const why = isLeaving ? 'you have left; to say so, this device' : 'this device missed a change of it and'
    const asked = askedAt ? `, and asked for it at ${minute(askedAt)}` : ''
    return {
      text: `${why} has to be taken in again${asked}`,
      remedy: 'another member has to be connected: theirs does it by itself',
    }
  },
  agreement: ({ epoch, accounts, devices, others, unheard }) => ({
    text: [
      `epoch ${epoch}, ${counted(accounts, 'account')} with ${counted(devices, 'device')}`,
      ...(others > 0 ? [`${others - unheard.length} of ${others} others heard in it`] : []),
      ...(unheard.length > 0 ? [`not yet: ${unheardTold(unheard)}`] : []),
    ].join('; '),
  }),
  'commit-stuck': () => ({ text: 'a change of it was made here and never sent' }),
  forked: ({ handle = GONE, at, isOver }) => {
    const text = `${handle} was shown another course of it than this device, as of ${minute(at)}`
    if (isOver) return { text: `${text}; nothing since` }
    return { text, remedy: 'compare what you see with them by another way, and ask the operator' }
  },
  gap: ({ handle = GONE, count }) => ({
    text: `${count} of what ${handle} sent did not arrive`,
    remedy: 'their device has to be connected',
  }),
  'gap-for-ever': ({ handle = GONE, count }) => ({
    text: `${count} of what ${handle} sent did not arrive, and that device is not in it any more`,
  }),
  'changes-wait': ({ count }) => ({ text: `${counted(count, 'change')} of it waits to be made` }),
  'changes-pointless': ({ count }) => ({
    text: `${counted(count, 'change')} of it can not be made any more`,
  }),
  unreadable: ({ count, why }) => {
    const { text, remedy } = unreadable(why)
    return { text: `${counted(count, 'line')} of the history: ${text}`, ...(remedy ? { remedy } : {}) }
  },
  unsent: ({ count }) => ({ text: `${counted(count, 'text')} of yours not sent yet` }),
  undelivered: ({ count }) => ({ text: `${counted(count, 'text')} of yours not known to be delivered` }),
}

const VAULT: Words<VaultFound, FoundWords> = {
  records: ({ count }) => ({ text: `${counted(count, 'record')}, every one readable` }),
  'records-damaged': ({ count, damaged }) => {
    const bad = damaged.map(each => `${counted(each.count, 'record')} of ${each.table}`)
    return {
      text: `of ${counted(count, 'record')} cannot be read: ${bad.join(', ')}`,
      remedy: 'put a backup of its folder in place; its conversations are joined anew by themselves',
    }
  },
}

const FOUND: Words<Found, FoundWords> = { ...CONNECTION, ...ACCOUNT, ...CONVERSATION, ...VAULT }

const DEEDS: Words<Deed> = {
  published: ({ count }) => `${counted(count, 'key package')} published`,
  'looked-again': () => 'looked for them again',
  'asked-to-rejoin': () => 'asked again to be taken in',
  'asked-again': () => 'asked for it again',
  'stopped-waiting': () => 'it is not waited for any more; the history shows where it was',
  'gave-up-conversation': () => 'given up; the conversation is opened anew',
  'gave-up-commit': () => 'given up; it is made anew if it is due',
  'gave-up-changes': () => 'given up',
}
