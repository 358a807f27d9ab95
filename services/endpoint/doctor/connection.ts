// From the name of the server to its clock: where on the way it fails, and whose fault that is.

import { formatAddress } from '../../protocol/invite/address.js'
import { DAY_MS } from '../../protocol/time.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { ProbeError } from '../../rpc/error.js'
import { LineStopped } from '../codes/line-error.js'
import type { LineState } from '../events.js'
import { trustServer } from '../line/server-trust.js'
import type { Ports } from '../ports.js'
import { expectedServer, pinOf, type ServerRecord } from '../sync/server-record.js'
import type { Finding, Verdict } from './finding.js'

/** Milliseconds that the server may take to show its certificate. */
const PROBE_TIMEOUT_MS = 5_000
/** Days before the end of a certificate that an authority has signed at which a person should know. */
const EXPIRY_WARNING_DAYS = 21
/** Milliseconds: less is the time that a frame takes. */
const CLOCK_NOTE_MS = 5_000
/** As servers of ours have it (Limits.proof_window_ms), for where the line does not come up. */
const CLOCK_PROBLEM_MS = 60_000

interface LineCondition {
  /** As it was told last; undefined: it was never connected. */
  state: LineState | undefined
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

const noServer: Draft = { check: 'server', verdict: 'problem', found: { code: 'no-server' } }

async function examineServer(server: ServerRecord, ports: ConnectionPorts): Promise<Draft[]> {
  const { host, port } = server
  const address = formatAddress(server)
  const check = 'server'
  const known = await ports.resolve(host)
  if (known.length === 0) return [{ check, verdict: 'problem', found: { code: 'name-unknown', address } }]
  // An address stands for itself.
  const addresses = known[0] === host ? [] : known
  try {
    const seen = await ports.dialer.probe({ host, port, timeoutMs: PROBE_TIMEOUT_MS })
    return [
      { check, verdict: 'well', found: { code: 'server-answers', address, addresses } },
      ...examineCertificate(server, seen, ports.clock.now()),
    ]
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    const why = { code: 'server-unreachable', address: error.address, addresses, why: error.reason } as const
    return [{ check, verdict: 'problem', found: why }]
  }
}

function examineCertificate(server: ServerRecord, seen: SeenCertificate, now: number): Draft[] {
  const pinned = pinOf(server)
  try {
    trustServer(seen, expectedServer(server))
  } catch (error) {
    if (!(error instanceof LineStopped)) throw error
    return [{ check: 'key', verdict: 'problem', found: { code: 'server-key-wrong', why: error.why } }]
  }
  const code = pinned ? 'server-key-pinned' : 'server-key-vouched'
  return [
    { check: 'key', verdict: 'well', found: { code } },
    expiry(seen, { isPinned: pinned !== undefined, now }),
  ]
}

function expiry({ notAfter }: SeenCertificate, { isPinned, now }: { isPinned: boolean; now: number }): Draft {
  const days = Math.floor((notAfter.getTime() - now) / DAY_MS)
  const isLate = !isPinned && days < EXPIRY_WARNING_DAYS
  const late: Verdict = days < 0 ? 'problem' : 'note'
  const found = { code: 'certificate', notAfter, days, isPinned } as const
  return { check: 'certificate', verdict: isLate ? late : 'well', found }
}

function examineLine({ state: line }: LineCondition): Draft {
  const check = 'line'
  if (line?.state === 'up') return { check, verdict: 'well', found: { code: 'line-up' } }
  if (line?.state === 'down')
    return { check, verdict: 'problem', found: { code: 'line-down', why: line.cause } }
  if (line?.state === 'stopped')
    return { check, verdict: 'problem', found: { code: 'line-stopped', why: line.cause } }
  return { check, verdict: 'problem', found: { code: 'line-not-up' } }
}

function examineClock({ clockOffsetMs: offsetMs }: LineCondition): Draft[] {
  if (offsetMs === undefined) return []
  const off = Math.abs(offsetMs)
  const wrong: Verdict = off < CLOCK_PROBLEM_MS ? 'note' : 'problem'
  const verdict = off < CLOCK_NOTE_MS ? 'well' : wrong
  return [{ check: 'clock', verdict, found: { code: 'clock', offsetMs } }]
}
