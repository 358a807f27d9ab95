import { type Bench, onStage } from './parts.js'
import type { Row } from './result.js'

/** Calls for each second that a rate is to be measured: some more than are done in it. */
const CALLS_PER_SECOND = 1_000
const WARM_UP_CALLS = 300

/** Registrations and claims a second, beside unary echoes of the same messages. */
export async function keyExchange({ seconds, say }: Bench): Promise<Row[]> {
  const count = CALLS_PER_SECOND * seconds
  const measure = (kind: 'relay' | 'echo') =>
    onStage(kind, async ({ load, address: server }) => {
      say(`${kind}: key exchanges`)
      await load.call('registrations', { server, kind, count: WARM_UP_CALLS })
      const registrations = await load.call('registrations', { server, kind, count })
      const claims = await load.call('claims', { server, kind, count })
      return { registrations, claims }
    })
  const echo = await measure('echo')
  const relay = await measure('relay')
  const row = (name: string, which: 'registrations' | 'claims'): Row => ({
    name,
    value: relay[which],
    unit: '/s',
    raw: [{ what: '/s echo', value: echo[which] }],
  })
  return [row('key exchanges that register', 'registrations'), row('key exchanges that claim', 'claims')]
}
