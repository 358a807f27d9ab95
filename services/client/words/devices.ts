// One's own devices as they are listed, and the one that is meant by what a person types.

import type { DeviceView } from '../../endpoint/index.js'
import { minute } from './words.js'

export function deviceRows(devices: readonly DeviceView[]): string[] {
  return devices.flatMap((device, at) => [
    `${at + 1}. ${device.name || 'without a name'}, since ${minute(device.since)}${deviceState(device)}`,
    `   ${device.fingerprint}`,
  ])
}

function deviceState({ isThis, isRevoked, lastHeard, waitsForHistory }: DeviceView): string {
  if (isRevoked) return ', revoked'
  const waits = waitsForHistory ? ', waits for the history' : ''
  if (isThis) return `, this one${waits}`
  return (lastHeard ? `, last heard ${minute(lastHeard)}` : ', not heard here yet') + waits
}

/** The device that a person means by its number in the list, or by its fingerprint or the beginning of that. */
export function deviceMeant(devices: readonly DeviceView[], text: string): DeviceView | undefined {
  if (/^\d{1,3}$/.test(text)) return devices[Number(text) - 1]
  const bare = text.replace(/^SHA256:/, '')
  const found = devices.filter(({ fingerprint }) => fingerprint.slice('SHA256:'.length).startsWith(bare))
  return bare.length > 0 && found.length === 1 ? found[0] : undefined
}
