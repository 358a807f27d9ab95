// A process that opens the vault in a folder and writes to it until it is killed. Prints "begin", then "open", then
// the number of each write after it returned.

import { writeSync } from 'node:fs'
import { openVault } from '../../services/endpoint/vault/vault.js'

const STANDARD_OUTPUT = 1
const [folder = '', passphrase] = process.argv.slice(2)

// Written at once: what is still in a buffer would die with the process.
const say = (word: string | bigint) => writeSync(STANDARD_OUTPUT, `${word}\n`)

say('begin')
const vault = await openVault({ folder, passphrase })
say('open')
const [last] = vault.list('messages', { group: 1n, reverse: true, limit: 1 })
for (let id = (last?.key.id ?? 0n) + 1n; ; id += 1n) {
  const value = Buffer.from(`number ${id}`)
  vault.write([
    { put: 'messages', key: { group: 1n, id }, value },
    { put: 'outbox', key: { group: 0n, id }, value },
    { delete: 'outbox', key: { group: 0n, id: id - 1n } },
    { put: 'ratchets', key: { group: 1n, id: 0n }, value },
  ])
  say(id)
}
