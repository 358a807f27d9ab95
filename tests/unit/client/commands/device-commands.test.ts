import { describe, expect, test } from '@jest/globals'
import { askPhrase } from '../../../../services/client/start/phrase.js'
import { deviceMeant, deviceRows } from '../../../../services/client/words/devices.js'
import { phraseRows } from '../../../../services/client/words/start.js'
import { type DeviceView, Refusal } from '../../../../services/endpoint/index.js'
import { phraseOf, seedOf } from '../../../../services/protocol/identity/recovery-phrase.js'
import { deviceKey } from '../../../../services/protocol/keys.js'
import { type Answer, type Place, runCommand } from '../../../support/commands.js'

const device = (number: number, more: Partial<DeviceView> = {}): DeviceView => ({
  id: deviceKey(new Uint8Array(32).fill(number)),
  name: '',
  fingerprint: `SHA256:${'abc'[number]}${'x'.repeat(42)}`,
  isThis: false,
  since: new Date(Date.UTC(2026, 0, 2, 3, 4)),
  lastHeard: undefined,
  isRevoked: false,
  waitsForHistory: false,
  ...more,
})
const DEVICES = [device(0, { isThis: true, name: 'laptop' }), device(1), device(2, { isRevoked: true })]
const PHRASE = phraseOf(new Uint8Array(32).fill(7))

/** The answer to a line, with these answers given to what it asks. */
async function run(line: string, answers: readonly Answer[] = [], endpoint: Place['endpoint'] = {}) {
  const { said, warned } = await runCommand(line, {
    answers,
    endpoint: { devices: () => DEVICES, recoveryPhrase: () => PHRASE, ...endpoint },
  })
  return [...said.flatMap(({ text, figure = [] }) => [text, ...figure]), ...warned].join('\n')
}

describe('devices', () => {
  test('are listed with what tells them apart', async () => {
    expect(deviceRows(DEVICES)).toEqual([
      '1. laptop, since 2026-01-02 03:04 UTC, this one',
      `   ${DEVICES[0]?.fingerprint}`,
      '2. without a name, since 2026-01-02 03:04 UTC, not heard here yet',
      `   ${DEVICES[1]?.fingerprint}`,
      '3. without a name, since 2026-01-02 03:04 UTC, revoked',
      `   ${DEVICES[2]?.fingerprint}`,
    ])
    expect(await run('/devices')).toBe(deviceRows(DEVICES).join('\n'))
  })

  test.each([
    ['2', 1],
    ['SHA256:bx', 1],
    ['cx', 2],
    ['4', undefined],
    ['0', undefined],
    ['', undefined],
    ['SHA256:', undefined],
    ['zz', undefined],
  ])('are meant by number or fingerprint: "%s"', (text, at) => {
    expect(deviceMeant(DEVICES, text)).toBe(at === undefined ? undefined : DEVICES[at])
  })

  test('are revoked only after a yes', async () => {
    const revoked: Uint8Array[] = []
    const endpoint = { revokeDevice: async (id: Uint8Array) => void revoked.push(id) }
    expect(await run('/revoke 2', ['y'], endpoint)).toBe('left as it was')
    expect(await run('/revoke 2', [], endpoint)).toBe('left as it was')
    expect(revoked).toEqual([])
    expect(await run('/revoke 2', ['yes'], endpoint)).toMatch(/is revoked/)
    expect(revoked).toEqual([DEVICES[1]?.id])
    expect(await run('/revoke 9', ['yes'], endpoint)).toMatch(/which one/)
  })

  test('that wait for the history say so', () => {
    const waits = { waitsForHistory: true }
    const rows = deviceRows([device(0, { isThis: true, ...waits }), device(1, waits)])
    expect(rows[0]).toMatch(/, this one, waits for the history$/)
    expect(rows[2]).toMatch(/, not heard here yet, waits for the history$/)
  })

  test('are handed the history only after a yes to their fingerprint', async () => {
    const given: Uint8Array[] = []
    const [laptop, phone, tablet] = [
      DEVICES[0]!,
      device(1, { name: 'phone', waitsForHistory: true }),
      device(2, { waitsForHistory: true }),
    ]
    let devices = [laptop, phone, tablet]
    const endpoint = {
      devices: () => devices,
      giveHistory: async (id: Uint8Array) => {
        given.push(id)
        devices = devices.map(each => (each.id === id ? { ...each, waitsForHistory: false } : each))
      },
    }
    expect(await run('/give-history 2', ['y'], endpoint)).toBe('left as it was')
    expect(await run('/give-history 9', ['yes'], endpoint)).toMatch(/to which one/)
    expect(given).toEqual([])
    let question = ''
    const yes = (asked: string) => {
      question = asked
      return 'yes'
    }
    const first = await run('/give-history 2', [yes], endpoint)
    expect(question).toContain(`phone, ${phone.fingerprint}`)
    expect(first).toContain(`as soon as no other device waits for it: ${tablet.fingerprint}`)
    expect(await run('/give-history 3', ['yes'], endpoint)).toBe(
      'a device without a name is handed your history',
    )
    expect(given).toEqual([phone.id, tablet.id])
  })

  test('say why not', async () => {
    const refuse = async () => {
      throw new Refusal({ code: 'already-revoked' })
    }
    expect(await run('/revoke 1', ['yes'], { revokeDevice: refuse })).toMatch(
      /^laptop is SHA256:ax+\nthis device is revoked already$/,
    )
    expect(await run('/give-history 2', [], { giveHistory: refuse })).toBe('this device is revoked already')
    expect(await run('/give-history 1', [], { giveHistory: refuse })).toBe('this device is revoked already')
    expect(await run('/device-name x', [], { nameDevice: refuse })).toBe('this device is revoked already')
  })
})

describe('the recovery phrase', () => {
  test('is confirmed by three of its words, and gone then', async () => {
    let confirmed = 0
    const confirmWords = async () => {
      confirmed += 1
    }
    const all = PHRASE.split(' ')
    const placesIn = (question: string) =>
      /type words ([\d, ]+)\./.exec(question)![1]!.split(', ').map(Number)
    const asAsked = (question: string) =>
      placesIn(question)
        .map(place => all[place - 1])
        .join(' ')
    expect(await run('/phrase', ['these are wrong'], { confirmWords })).toMatch(
      /not what they are\nnot confirmed/,
    )
    expect(confirmed).toBe(0)
    const rightAfterWrong = ['show', 'these are wrong', asAsked]
    expect(await run('/phrase', rightAfterWrong, { confirmWords })).toMatch(
      /not kept on this device any more/,
    )
    expect(confirmed).toBe(1)
    const places = new Set<string>()
    const look = (question: string) => {
      places.add(placesIn(question).join())
      return ''
    }
    for (let times = 0; times < 20; times++) await run('/phrase', [look])
    expect(places.size).toBeGreaterThan(1)
    expect(await run('/phrase', [], { recoveryPhrase: () => undefined })).toBe(
      'the words of this account are not kept here',
    )
  })

  test('is shown only where that is asked for, in rows that a narrow terminal holds', async () => {
    expect(await run('/phrase')).toBe('not confirmed: they stay here')
    const shown = await run('/phrase', ['show'])
    const rows = phraseRows(PHRASE)
    for (const row of rows) expect(shown).toContain(row)
    expect(Math.max(...rows.map(row => row.length))).toBeLessThanOrEqual(40)
    expect(phraseOf(seedOf(rows.join('\n')))).toBe(PHRASE)
  })

  test('is asked for until it holds together', async () => {
    const answers = ['too short', PHRASE.toUpperCase()]
    const told: string[] = []
    const seed = await askPhrase({
      ask: async () => answers.shift(),
      print: entry => void told.push(entry.text),
    })
    expect(seed).toEqual(seedOf(PHRASE))
    expect(told).toHaveLength(1)
    expect(await askPhrase({ ask: async () => undefined, print: () => undefined })).toBeUndefined()
  })
})
