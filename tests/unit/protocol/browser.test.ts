import { readdirSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { BrowserContext } from '../../support/browser-context.js'
import type * as Noble from '../../support/noble-crypto.js'
import type * as Story from '../../support/protocol-story.js'
import { protocolStory } from '../../support/protocol-story.js'

const compiled = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const browser = new BrowserContext()
let told: Record<string, string>

beforeAll(async () => {
  const { nobleCrypto } = await browser.load<typeof Noble>(compiled('tests/support/noble-crypto.js'))
  const story = await browser.load<typeof Story>(compiled('tests/support/protocol-story.js'))
  told = { ...story.protocolStory(nobleCrypto) }
})

describe('in a place without Node', () => {
  test('there is nothing of it', () => {
    for (const name of ['Buffer', 'process', 'require', 'global', 'setImmediate'])
      expect(browser.evaluate(`typeof ${name}`)).toBe('undefined')
  })

  test('the protocol makes, reads and verifies, and all of it is what Node makes', () => {
    expect(told).toEqual(protocolStory(nodeCrypto))
    expect(told).toMatchObject({
      certified: told.proven,
      inUse: told.proven,
      present: told.proven,
      asked: told.proven,
      wrote: 'é',
    })
    expect(told.linkAgain).toBe(told.link)
    expect(told.phrase!.split(' ')).toHaveLength(24)
    expect(told.number).toMatch(/^\d{5}( \d{5}){11}$/)
  })

  test('every file of the protocol can be loaded, but for that of Node', async () => {
    const root = compiled('services/protocol/')
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(file =>
      file.endsWith('.js'),
    )
    for (const file of files.filter(each => !each.startsWith(`node${sep}`))) await browser.load(root + file)
    expect(browser.files).toContain(`${root}proof.js`)
    await expect(browser.load(`${root}node/crypto.js`)).rejects.toThrow('which no browser has')
  })
})
