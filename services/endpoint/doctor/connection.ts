// From the name of the server to its clock: where on the way it fails, and whose fault that is.

import { formatAddress } from '../../protocol/invite/address.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { ProbeError } from '../../rpc/error.js'
import type { LineState } from '../events.js'
import { trustServer } from '../line/server-trust.js'
import { LineStopped } from '../line/stopped.js'
import type { Ports } from '../ports.js'
import type { ServerRecord } from '../sync/server-record.js'
import { counted, type Finding, type Verdict } from './finding.js'

/** Milliseconds that the server may take to show its certificate. */
const PROBE_TIMEOUT_MS = 5_000
const DAY_MS = 24 * 3600 * 1000
/** Days before the end of a certificate that an authority has signed at which a person should know. */
const EXPIRY_WARNING_DAYS = 21
/** Milliseconds: less is the time that a frame takes. */
const CLOCK_NOTE_MS = 5_000
/** As servers of ours have it (Limits.proof_window_ms), for where the line does not come up. */
const CLOCK_PROBLEM_MS = 60_000

export interface LineCondition {
  /** As it was told last; undefined: it was never connected. */
  line: LineState | undefined
  /** This machine's clock minus the server's, in ms, at the last Opened. */
  clockOffsetMs: number | undefined
}

export type ConnectionPorts = Pick<Ports, 'dialer' | 'resolve' | 'clock'>

type Draft = Omit<Finding, 'area'>

/** Connects once more beside the line, to see which step fails. Never throws. */
export async function examineConnection(
  server: ServerRecord | undefined,
  condition: LineCondition,
  ports: ConnectionPorts,
): Promise<Finding[]> {
  const drafts = server
    ? [...(await examineServer(server, ports)), examineLine(condition), ...examineClock(condition)]
    : [noServer]
  return drafts.map(draft => ({ area: 'connection', ...draft }))
}

const noServer: Draft = {
  check: 'server',
  verdict: 'problem',
  found: 'no server is known',
  remedy: 'give its address or an invite link',
}

async function examineServer(server: ServerRecord, ports: ConnectionPorts): Promise<Draft[]> {
  const address = formatAddress(server)
  const name = await resolved(server.host, ports)
  if (name === undefined)
    return [
      {
        check: 'server',
        verdict: 'problem',
        found: `${address}: the name is not known (DNS)`,
        remedy: 'check how it is spelled, and the network',
      },
    ]
  try {
    const seen = await ports.dialer.probe({
      host: server.host,
      port: server.port,
      timeoutMs: PROBE_TIMEOUT_MS,
    })
    const found = `${address} answers: ${name}TCP and TLS work`
    return [
      { check: 'server', verdict: 'well', found },
      ...examineCertificate(server, seen, ports.clock.now()),
    ]
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    return [{ check: 'server', verdict: 'problem', found: `${name}${error.message}` }]
  }
}

/** What to say of the name's resolution: '' for a literal address; undefined: there is none. */
async function resolved(host: string, { resolve }: Pick<Ports, 'resolve'>): Promise<string | undefined> {
  const addresses = await resolve(host)
  if (addresses.length === 0) return undefined
  if (addresses[0] === host) return ''
  return `the name is ${addresses.join(', ')}; `
}

function examineCertificate(server: ServerRecord, seen: SeenCertificate, now: number): Draft[] {
  const some = (bytes: Uint8Array) => (bytes.length > 0 ? bytes : undefined)
  const pinned = some(server.pinnedFingerprint)
  try {
    trustServer(seen, {
      address: formatAddress(server),
      pinned,
      invited: some(server.invitedFingerprint),
    })
  } catch (error) {
    if (!(error instanceof LineStopped)) throw error
    const [found = '', ...rest] = error.message.split('\n')
    return [{ check: 'key', verdict: 'problem', found, remedy: rest.join(' ').trim() }]
  }
  const found = pinned ? 'its key is the one that is pinned' : 'an authority vouches for its certificate'
  return [{ check: 'key', verdict: 'well', found }, expiry(seen, { isPinned: pinned !== undefined, now })]
}

function expiry({ notAfter }: SeenCertificate, { isPinned, now }: { isPinned: boolean; now: number }): Draft {
  const days = Math.floor((notAfter.getTime() - now) / DAY_MS)
  const date = notAfter.toISOString().slice(0, 10)
  const found =
    days < 0
      ? `its certificate ran out on ${date}`
      : `its certificate runs for ${counted(days, 'day')} more, to ${date}`
  // The key counts, whatever the dates around it.
  if (isPinned) return { check: 'certificate', verdict: 'well', found: `${found}; what is pinned is its key` }
  const late: Verdict = days < 0 ? 'problem' : 'note'
  if (days >= EXPIRY_WARNING_DAYS) return { check: 'certificate', verdict: 'well', found }
  return { check: 'certificate', verdict: late, found, remedy: 'the operator has to renew it' }
}

function examineLine({ line }: LineCondition): Draft {
  const check = 'line'
  if (line?.state === 'up') return { check, verdict: 'well', found: 'the line is up' }
  const [cause = ''] = line && 'cause' in line ? line.cause.split('\n') : []
  if (line?.state === 'down')
    return {
      check,
      verdict: 'problem',
      found: `the line is down: ${cause}`,
      remedy: 'it is tried again by itself',
    }
  if (line?.state === 'stopped')
    return { check, verdict: 'problem', found: `the line is not tried any more: ${cause}` }
  return { check, verdict: 'problem', found: 'the line is not up yet' }
}

function examineClock({ clockOffsetMs }: LineCondition): Draft[] {
  if (clockOffsetMs === undefined) return []
  const off = Math.abs(clockOffsetMs)
  const seconds = (off / 1000).toFixed(1)
  const found = `this machine's clock is ${seconds} s ${clockOffsetMs < 0 ? 'behind' : 'ahead of'} the server's`
  if (off < CLOCK_NOTE_MS) return [{ check: 'clock', verdict: 'well', found }]
  const verdict: Verdict = off < CLOCK_PROBLEM_MS ? 'note' : 'problem'
  return [{ check: 'clock', verdict, found, remedy: 'set the clock' }]
}
