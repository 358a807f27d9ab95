// The doctor for a person and for programs: what was found, what was done about it, and what is left to do.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint, EndpointEvent, Finding } from '../../endpoint/index.js'
import { sanitiseRow } from '../../terminal/sanitise.js'
import type { Exit } from '../exit.js'
import { doctorSummary, findingParts, LOOKING } from '../words/commands.js'
import { deed, found } from '../words/findings.js'
import { coded, line } from '../words/json.js'
import { peerName } from '../words/words.js'
import type { CommandContext } from './command.js'

/** How long repairs that need the server or others may take, and how often it is looked whether they are done, in ms. */
const REPAIR_TIMEOUT_MS = 10_000
const LOOK_AGAIN_MS = 250
/** Milliseconds that the line may take to come up before it is looked at as it is. */
const LINE_TIMEOUT_MS = 10_000

interface Treatment {
  /** In the state after the repairs. */
  findings: TreatedFinding[]
  /** Nothing is wrong any more. */
  healthy: boolean
}

type TreatedFinding = Omit<Finding, 'verdict'> & { verdict: Finding['verdict'] | 'repaired' }

/** Looks at everything, repairs what it can, and waits a while for that to take effect. Throws VaultError. */
export async function treat(
  endpoint: Pick<Endpoint, 'examine' | 'repair'>,
  { timeoutMs = REPAIR_TIMEOUT_MS }: { timeoutMs?: number } = {},
): Promise<Treatment> {
  const before = await endpoint.repair()
  const deadline = Date.now() + timeoutMs
  let after = before
  while (hasPending(before, after)) {
    if (Date.now() >= deadline) break
    await sleep(LOOK_AGAIN_MS)
    const conversations = await endpoint.examine(['conversation'])
    after = [...before.filter(({ area }) => area !== 'conversation'), ...conversations]
  }
  const fresh = after === before ? before : await endpoint.examine()
  return outcomeOf(before, fresh)
}

/** Something that was acted on is still wrong. */
function hasPending(before: readonly Finding[], after: readonly Finding[]): boolean {
  const acted = new Set(before.filter(({ did }) => did !== undefined).map(findingName))
  return after.some(finding => finding.verdict === 'problem' && acted.has(findingName(finding)))
}

const findingName = ({ area, check, peer = '', about = '' }: Finding): string =>
  JSON.stringify([area, check, peer, about])

/** The findings that are left, and the deeds. */
export function outcomeOf(before: readonly Finding[], after: readonly Finding[]): Treatment {
  const done = new Map(before.filter(({ did }) => did !== undefined).map(each => [findingName(each), each]))
  const left = after.map((finding): TreatedFinding => {
    const did = done.get(findingName(finding))?.did
    return did === undefined ? finding : { ...finding, did }
  })
  const isLeft = new Set(
    left.filter(({ verdict }) => verdict !== 'well').map(each => findingName(each as Finding)),
  )
  const repaired = [...done.values()]
    .filter(finding => !isLeft.has(findingName(finding)))
    .map((finding): TreatedFinding => ({ ...finding, verdict: 'repaired' }))
  const unchanged = left.filter(
    finding => finding.verdict !== 'well' || !done.has(findingName(finding as Finding)),
  )
  return {
    findings: [...unchanged, ...repaired],
    healthy: !left.some(({ verdict }) => verdict === 'problem'),
  }
}

const MARKS = { well: 'ok', note: 'note', repaired: 'repaired', problem: 'WRONG' } as const
const MARK_WIDTH = Math.max(...Object.values(MARKS).map(mark => mark.length))

/** One line. */
export function findingLine(finding: TreatedFinding): string {
  const { area, peer, verdict, did } = finding
  const { text, remedy } = wordsOf(finding)
  const parts = findingParts(text, did && deed(did), remedy)
  return sanitiseRow(
    `${MARKS[verdict].padEnd(MARK_WIDTH)}  ${area}${peer ? ` ${peerName(peer)}` : ''}: ${parts}`,
  )
}

/** Nothing is left to do where the doctor repaired it. */
const wordsOf = ({ found: what, verdict }: TreatedFinding) =>
  found(what, verdict === 'well' || verdict === 'repaired')

export function summaryLine({ findings, healthy }: Treatment): string {
  const repaired = findings.filter(({ verdict }) => verdict === 'repaired').length
  const wrong = findings.filter(({ verdict }) => verdict === 'problem').length
  return doctorSummary({ wrong: healthy ? 0 : wrong, repaired })
}

/** For programs: one object a finding, and one at the end. */
export function jsonOfTreatment({ findings, healthy }: Treatment): object[] {
  return [...findings.map(jsonOfFinding), { type: 'doctor', healthy }]
}

function jsonOfFinding(finding: TreatedFinding): object {
  const { did, peer, ...rest } = finding
  const { text, remedy } = wordsOf(finding)
  return {
    type: 'finding',
    ...rest,
    ...(peer === undefined ? {} : { peer: peerName(peer) }),
    found: text,
    ...coded(finding.found),
    ...(did ? { did: deed(did), deed: coded(did) } : {}),
    ...(remedy ? { remedy } : {}),
  }
}

interface LineWatch {
  onEvent(event: EndpointEvent): void
  /** Resolves when the line is up, or stopped, or has failed for the first time; at the latest in 10 s. */
  settled: Promise<void>
}

export function watchLine(): LineWatch {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    onEvent(event) {
      if (event.type === 'line' && event.line.state !== 'connecting') resolve()
    },
    settled: Promise.race([promise, sleep(LINE_TIMEOUT_MS, undefined, { ref: false })]),
  }
}

/** `parley doctor`. */
export async function runDoctor(
  endpoint: Pick<Endpoint, 'examine' | 'repair' | 'connect'>,
  { line: watch, json, print }: { line: LineWatch; json: boolean; print(line: string): void },
): Promise<Exit> {
  endpoint.connect()
  await watch.settled
  const treatment = await treat(endpoint)
  if (json) for (const object of jsonOfTreatment(treatment)) print(line(object))
  else for (const row of [...treatment.findings.map(findingLine), summaryLine(treatment)]) print(row)
  return treatment.healthy ? 'done' : 'failed'
}

/** `/doctor`. */
export async function doctorCommand({ endpoint, say, warn }: CommandContext): Promise<void> {
  say(LOOKING)
  const treatment = await treat(endpoint)
  for (const finding of treatment.findings) {
    if (finding.verdict === 'problem') warn(findingLine(finding))
    else say(findingLine(finding))
  }
  say(summaryLine(treatment))
}
