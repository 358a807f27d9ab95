// Whether the server knows this device, and what it holds for those who want to reach it.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { devicesInUse } from '../../protocol/identity/devices-in-use.js'
import { sameKey } from '../../protocol/keys.js'
import { RpcError } from '../../rpc/error.js'
import type { DownCause, StopCause } from '../codes/line-cause.js'
import { LineStopped } from '../codes/line-error.js'
import type { Context } from '../context.js'
import { explainFailure } from '../line/failure.js'
import type { KeyStock } from '../sync/keys/key-stock.js'
import type { Finding } from './finding.js'

export interface AccountServer {
  /** Throws RpcError or LineStopped. */
  exchange(parts: { lookupHandles: string[] }): Promise<KeyExchanged>
  stock: Pick<KeyStock, 'fill' | 'held' | 'low'>
}

/** `repairs`: key packages that are lacking are published. Throws VaultError. */
export async function examineAccount(
  context: Pick<Context, 'account' | 'clock' | 'lists'>,
  server: AccountServer,
  { repairs }: { repairs: boolean },
): Promise<Finding[]> {
  try {
    const held = await server.exchange({ lookupHandles: [context.account.handle] })
    const stock = keyPackages(held, server.stock)
    const published = repairs && stock.verdict !== 'well' ? await server.stock.fill(held) : 0
    const did = published > 0 ? { did: { code: 'published', count: published } as const } : {}
    return [registration(context, held), { ...stock, ...did }]
  } catch (error) {
    if (!(error instanceof RpcError || error instanceof LineStopped)) throw error
    const found = { code: 'server-not-asked', why: whyOf(error, context.clock.now()) } as const
    return [{ area: 'account', check: 'registration', verdict: 'problem', found }]
  }
}

function registration(
  { account, lists }: Pick<Context, 'account' | 'lists'>,
  { lookups }: KeyExchanged,
): Finding {
  const outcome = lookups[0]?.outcome
  const shown = outcome?.case === 'devices' ? lists.read(outcome.value) : undefined
  const isOwn = shown !== undefined && sameKey(shown.list.accountKey, account.account.publicKey)
  const devices = isOwn ? devicesInUse(shown.list, shown.removals) : []
  const isListed = devices.some(({ deviceKey }) => sameKey(deviceKey, account.device.publicKey))
  if (isListed)
    return {
      area: 'account',
      check: 'registration',
      verdict: 'well',
      found: { code: 'registered', handle: account.handle, devices: devices.length },
    }
  return {
    area: 'account',
    check: 'registration',
    verdict: 'problem',
    found: { code: 'not-listed', handle: account.handle },
  }
}

function keyPackages(
  { keyPackagesLeft: atServer, hasLastResort }: KeyExchanged,
  here: Pick<KeyStock, 'held' | 'low'>,
): Finding {
  const stock = here.held()
  const oneTime = stock.filter(({ lastResort }) => !lastResort).length
  const finding = { area: 'account', check: 'key-packages' } as const
  const counts = { atServer, here: oneTime, hasLastResort }
  if (oneTime < atServer || (hasLastResort && !stock.some(({ lastResort }) => lastResort)))
    return { ...finding, verdict: 'note', found: { code: 'key-packages-elsewhere', ...counts } }
  if (!hasLastResort && atServer === 0)
    return { ...finding, verdict: 'problem', found: { code: 'key-packages-none', ...counts } }
  const isLow = !hasLastResort || atServer < here.low
  return { ...finding, verdict: isLow ? 'note' : 'well', found: { code: 'key-packages', ...counts } }
}

/** Any error that stops the line is told of as that. */
function whyOf(error: RpcError | LineStopped, now: number): DownCause | StopCause {
  try {
    return explainFailure(error, now)
  } catch (stopped) {
    if (stopped instanceof LineStopped) return stopped.why
    throw stopped
  }
}
