import { conversations } from './conversations.js'
import { endpoints } from './endpoints.js'
import { keyExchange } from './key-exchange.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { readOptions } from './options.js'
import type { Bench } from './parts.js'
import { races } from './races.js'
import { type Row, table } from './result.js'
import { rooms } from './rooms.js'
import { seal } from './seal.js'
import { throughput } from './throughput.js'

const PARTS: Record<string, (bench: Bench) => Promise<Row[]>> = {
  seal,
  'key-exchange': keyExchange,
  throughput,
  latency,
  endpoints,
  memory,
  races,
  rooms,
  conversations,
}

const { only, seconds, json } = readOptions(process.argv.slice(2))
const say = (text: string) => process.stderr.write(`${text}\n`)
const rows: Row[] = []
for (const [name, part] of Object.entries(PARTS))
  if (only === undefined || name.startsWith(only)) rows.push(...(await part({ seconds, say })))

if (!json) process.stdout.write(`${table(rows)}\n\n`)
process.stdout.write(`${JSON.stringify({ node: process.version, date: new Date().toISOString(), rows })}\n`)
