import { parseArgs } from 'node:util'
import { type Report, soak } from './run.js'

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '40' },
    messages: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '2' },
    'per-process': { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    adversaries: { type: 'string', default: '0' },
    acts: { type: 'string', default: 'all' },
    kill: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
/** So many of them are shown; the JSON has all. */
const SHOWN_VIOLATIONS = 40

function number(name: 'members' | 'messages' | 'minutes' | 'per-process' | 'seed'): number {
  const value = Number(values[name])
  if (!(value > 0)) throw new RangeError(`--${name} is a number above 0`)
  return value
}

function table(report: Report): string {
  const { counts, troubles } = report
  const rows: [string, string | number][] = [
    ['texts', report.texts],
    ['conversations', report.conversations],
    ['texts compared, each at each member', report.checked],
    ['envelopes stored', counts.messages],
    ['commits', counts.commits],
    ['lost races', counts.lostRaces],
    ['other rejected sends', counts.rejected],
    ['lines that came up again', report.reconnects],
    ['server killed', troubles.serverKills],
    ['member processes killed', troubles.memberKills],
    ['cuts', troubles.cuts],
    ['delays', troubles.delays],
    ['pauses', troubles.pauses],
    ...Object.entries(report.acts).map(([name, times]): [string, number] => [`act: ${name}`, times]),
    ['honest texts that adversaries read', report.read],
    ['settled after, s', (report.settleMs / 1000).toFixed(1)],
    ['duration, s', (report.durationMs / 1000).toFixed(1)],
    ...Object.entries(report.unreadable).map(([cause, times]): [string, number] => [
      `unreadable: ${cause}`,
      times,
    ]),
    ['unreadable and not said again', report.lost.length],
    ...Object.entries(report.notices).map(([text, times]): [string, number] => [`notice: ${text}`, times]),
    ['violations', report.violations.length],
  ]
  return rows.map(([name, value]) => `${String(value).padStart(10)}  ${name}`).join('\n')
}

const options = {
  members: number('members'),
  messages: number('messages'),
  ms: number('minutes') * 60_000,
  perProcess: number('per-process'),
  seed: number('seed'),
  adversaries: Number(values.adversaries),
  acts: values.acts,
  kill: values.kill,
  keep: values.keep,
}
const say = (text: string) => void process.stderr.write(`${text}\n`)
say(`npm run soak -- ${process.argv.slice(2).join(' ')}; seed ${options.seed}`)
const report = await soak({ ...options, say })
process.stdout.write(`${table(report)}\n\n`)
for (const lost of report.lost.slice(0, SHOWN_VIOLATIONS)) process.stdout.write(`LOST ${lost}\n`)
for (const violation of report.violations.slice(0, SHOWN_VIOLATIONS))
  process.stdout.write(`VIOLATION ${violation}\n`)
process.stdout.write(`${JSON.stringify({ node: process.version, options, report })}\n`)
process.exitCode = report.violations.length > 0 ? 1 : 0
