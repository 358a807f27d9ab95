// A process that appends to a store until it is killed. It prints what was accepted, one number a line.

import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { application, bytesOf, commit, mustSend, register } from './store-world.js'

const CALLERS = 16

const [, , folder, name] = process.argv
if (!folder || !name) throw new Error('usage: store-appender FOLDER NAME')

const store = await openSqliteStore({ folder })

async function appendForever(caller: number): Promise<never> {
  const device = await register(store, `${name}-${caller}`)
  const id = bytesOf(`conversation ${name} ${caller}`, 16)
  await mustSend(store, device, commit(device, id, { creates: true }))
  for (;;) {
    await mustSend(store, device, application(device, id, { text: 'x'.repeat(300) }))
    process.stdout.write(`${caller} ${device.sent}\n`)
  }
}

await Promise.all(Array.from({ length: CALLERS }, (_, caller) => appendForever(caller)))
