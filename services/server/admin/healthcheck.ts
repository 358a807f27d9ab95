// For a container's HEALTHCHECK: asks the gRPC health service of the server that runs beside it, with the
// same options, and exits 0 when it serves and 1 when not.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MESSAGE_BYTES } from '../../protocol/sizes.js'
import { connect } from '../../rpc/node/client.js'
import { readOptions, type ServerOptions } from '../config/options.js'
import { CERTIFICATE_FILE } from '../config/tls.js'
import { checkHealth } from './health.js'

const TIMEOUT_MS = 3_000

async function isServing({ port, host, data, tls }: ServerOptions): Promise<boolean> {
  const certificate = await readFile(tls?.certificateFile ?? join(data, CERTIFICATE_FILE), 'utf8')
  const dialled = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const channel = connect({
    host: dialled,
    port,
    trust: { kind: 'pinned', certificate },
    maxMessageBytes: MESSAGE_BYTES,
  })
  try {
    return await checkHealth(channel, TIMEOUT_MS)
  } finally {
    channel.close()
  }
}

async function main(): Promise<void> {
  const request = readOptions(process.argv.slice(2), process.env)
  process.exitCode = request.kind === 'run' && (await isServing(request.options)) ? 0 : 1
}

main().catch((error: unknown) => {
  process.stderr.write(`not healthy: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
})
