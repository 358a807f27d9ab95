// Whether what the members hold agrees: for the time in which they were members everybody has everything, once, in one
// order; and what cannot be read says why.

/** One line of a member's history. */
export interface Line {
  kind: 'text' | 'unreadable' | 'gap' | 'event'
  own: boolean
  /** Of the same account, by another device. */
  sibling?: boolean
  /** Of a text: what was sent. Otherwise the code of what is told, or of the cause. */
  text: string
  sequence: bigint
  /** Of a text that was sealed: the MLS group, whose sequence it is. Those of different groups say nothing of each other. */
  group?: string
  state: string
}

/** A member's copy of one conversation, in the order in which it is shown. */
export interface Transcript {
  /** A device. */
  member: string
  account: string
  /** The same on all members; the texts begin with it. */
  conversation: string
  /** Whether texts can be sent in it. */
  ready: boolean
  members: string[]
  /** The MLS groups of the conversation that this device was in. */
  groups: string[]
  lines: Line[]
}

export interface Verdict {
  violations: string[]
  /** Pairs of a text and a member that should have it. */
  checked: number
  /** Causes of what could not be read at first, and how often. */
  unreadable: Record<string, number>
  /** Of these: what was not said again either. */
  lost: string[]
}

/** A text at its place in the server's order. */
interface Sent {
  text: string
  by: string
  sequence: bigint
  group: string
}

/** Between two places, both left out. */
interface Interval {
  from: bigint
  to: bigint
}

const NEVER_ENDS = 2n ** 63n
const JOINED = 'joined'
const LEFT = 'you-left'
const REMOVED = 'you-were-removed'

export function compare(transcripts: readonly Transcript[]): Verdict {
  const verdict: Verdict = { violations: [], checked: 0, unreadable: {}, lost: [] }
  const conversations = Map.groupBy(transcripts, ({ conversation }) => conversation)
  const devices = Map.groupBy(transcripts, ({ account }) => account)
  for (const held of conversations.values()) {
    compareConversation(held, verdict)
    for (const transcript of held) checkSiblings(transcript, { held, devices, verdict })
  }
  return verdict
}

/** All devices of an account are in what one of them is in. */
function checkSiblings(
  transcript: Transcript,
  {
    held,
    devices,
    verdict,
  }: { held: readonly Transcript[]; devices: ReadonlyMap<string, Transcript[]>; verdict: Verdict },
): void {
  const siblings = new Set(devices.get(transcript.account)?.map(({ member }) => member))
  for (const name of siblings) {
    const isIn = held.some(({ member, ready }) => member === name && ready)
    if (transcript.ready && !isIn) say(verdict, transcript, `${name} is not in it`)
  }
}

function compareConversation(held: readonly Transcript[], verdict: Verdict): void {
  const sent = held.flatMap(transcript => sentBy(transcript, verdict))
  sent.sort((a, b) => Number(a.sequence - b.sequence))
  for (const transcript of held) {
    checkOwn(transcript, verdict)
    const groups = new Set(
      held.filter(({ account }) => account === transcript.account).flatMap(each => each.groups),
    )
    checkReceived(transcript, { sent, groups }, verdict)
    noteUnreadable(transcript, verdict)
  }
  compareMembers(held, verdict)
}

const say = (verdict: Verdict, { conversation, member }: Transcript, what: string) =>
  verdict.violations.push(`${conversation}, ${member}: ${what}`)

const texts = ({ lines }: Transcript, own: boolean) =>
  lines.filter(line => line.kind === 'text' && line.own === own)

const isStored = ({ state }: Line) => state === 'stored' || state === 'delivered'

const behind = (before: Line, { sequence }: Line) =>
  `${sequence}, behind "${before.text}" at ${before.sequence}`

function sentBy(transcript: Transcript, verdict: Verdict): Sent[] {
  return texts(transcript, true).flatMap(line => {
    if (isStored(line))
      return [{ text: line.text, by: transcript.member, sequence: line.sequence, group: line.group ?? '' }]
    // A member who is out of it sends nothing more; everybody else has sent everything by now.
    // Somebody who comes back was told what did not go out when it was taken out.
    if (transcript.ready && line.state !== 'failed')
      say(verdict, transcript, `"${line.text}" is still ${line.state}`)
    return []
  })
}

function checkOwn(transcript: Transcript, verdict: Verdict): void {
  const stored = texts(transcript, true).filter(isStored)
  for (const { text, sequence } of stored)
    if (sequence === 0n) say(verdict, transcript, `"${text}" is stored and has no place`)
  for (const [before, line] of outOfOrder(stored))
    say(verdict, transcript, `"${line.text}" was typed after what it stands before: ${behind(before, line)}`)
}

/** Lines that stand behind one of the same group which the server has put behind them. */
function outOfOrder(lines: readonly Line[]): [before: Line, line: Line][] {
  return [...Map.groupBy(lines, ({ group }) => group).values()].flatMap(of =>
    of.flatMap((line, index): [Line, Line][] => {
      const before = of[index - 1]
      return before && line.sequence <= before.sequence ? [[before, line]] : []
    }),
  )
}

/** In which of the order's places this member was in the conversation. */
export function intervals({ lines, ready }: Transcript): Interval[] {
  const found: Interval[] = []
  const joins = lines.some(({ kind, text }) => kind === 'event' && text === JOINED)
  let from: bigint | undefined = joins ? undefined : 0n
  let last = 0n
  for (const { kind, own, text, sequence } of lines) {
    if (kind === 'event' && text === JOINED) {
      // A member who comes back after a loss is owed what was said meanwhile.
      from ??= sequence
    } else if (kind === 'event' && (text === LEFT || text === REMOVED)) {
      // A member who leaves is shown nothing from the moment of saying so on.
      if (from !== undefined) found.push({ from, to: text === LEFT ? sequence + 1n : sequence })
      from = undefined
    }
    // A text that was typed before leaving may be stored after it.
    if (!own && sequence > last) last = sequence
  }
  if (from !== undefined) found.push({ from, to: ready ? NEVER_ENDS : last + 1n })
  return found
}

/** Where a text stands at a receiver. */
type Place = Pick<Line, 'sequence' | 'group'>

function checkReceived(
  transcript: Transcript,
  { sent, groups }: { sent: readonly Sent[]; groups: ReadonlySet<string> },
  verdict: Verdict,
): void {
  const received = texts(transcript, false)
  const places = new Map<string, Place>()
  for (const line of received) {
    if (places.has(line.text)) say(verdict, transcript, `"${line.text}" is there twice`)
    places.set(line.text, line)
  }
  // A history handed over by another device of the account has that one's own texts where they were typed.
  for (const [before, line] of outOfOrder(received.filter(({ sibling }) => !sibling)).slice(0, 1))
    say(verdict, transcript, `"${line.text}" stands out of the order: ${behind(before, line)}`)
  const was = intervals(transcript)
  for (const one of sent) {
    if (one.by === transcript.member) continue
    const due = groups.has(one.group) && was.some(({ from, to }) => one.sequence > from && one.sequence < to)
    const place = places.get(one.text)
    places.delete(one.text)
    checkOne(transcript, { ...one, due, place }, verdict)
    if (due) verdict.checked++
  }
  for (const text of places.keys()) say(verdict, transcript, `"${text}" is there and nobody sent it`)
}

function checkOne(
  transcript: Transcript,
  { text, sequence, group, due, place }: Sent & { due: boolean; place: Place | undefined },
  verdict: Verdict,
): void {
  if (place?.sequence === sequence && place.group === group) return
  const cause = transcript.lines.find(
    line => line.sequence === sequence && (line.kind === 'unreadable' || line.kind === 'gap'),
  )?.text
  if (place !== undefined) {
    // The device that sent it says it again where the room goes on, for those who were not in that group; it has signed it for
    // the next one before it has a place there.
    const isSaidAgain = place.group !== group && place.sequence <= sequence
    if (isSaidAgain) return
    if (place.group !== group && !cause)
      say(verdict, transcript, `"${text}" is in ${place.group} at ${place.sequence}, not in ${group}`)
    else if (place.sequence < sequence && !cause)
      say(verdict, transcript, `"${text}" is at ${place.sequence}, not ${sequence}`)
    return
  }
  if (!due) return
  if (cause) verdict.lost.push(`${transcript.member} at ${sequence}: "${text}": ${cause}`)
  else say(verdict, transcript, `"${text}" at ${sequence} is missing, and nothing says so`)
}

function noteUnreadable({ lines }: Transcript, { unreadable }: Verdict): void {
  for (const { kind, text } of lines)
    if (kind === 'unreadable' || kind === 'gap') unreadable[text] = (unreadable[text] ?? 0) + 1
}

/** All that are in it know the same members. */
function compareMembers(held: readonly Transcript[], verdict: Verdict): void {
  const ready = held.filter(transcript => transcript.ready && transcript.members.length > 0)
  for (const transcript of ready) {
    const [first] = ready
    if (first!.members.join() !== transcript.members.join())
      say(
        verdict,
        transcript,
        `knows ${transcript.members.join()}; ${first!.member}: ${first!.members.join()}`,
      )
  }
  const here = [...new Set(ready.map(({ account }) => account))].sort()
  if (ready[0] && ready[0].members.join() !== here.join())
    say(verdict, ready[0], `knows ${ready[0].members.join()}; those who can write are ${here.join()}`)
}
