// Whether the server knows this device, and what it holds for those who want to reach it.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices } from '../../protocol/identity/certificate.js'
import { RpcError } from '../../rpc/error.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import { LineStopped } from '../line/stopped.js'
import { KEY_STOCK_LOW } from '../sync/key-stock.js'
import { counted, type Finding } from './finding.js'

export interface AccountServer {
  /** Throws RpcError or LineStopped. */
  exchange(parts: { lookupHandles: string[] }): Promise<KeyExchanged>
  /** Publishes what is lacking. Returns how many key packages; throws RpcError or LineStopped. */
  restock(held: KeyExchanged): Promise<number>
}

/** `repairs`: key packages that are lacking are published. Throws VaultError. */
export async function examineAccount(
  context: Context,
  server: AccountServer,
  { repairs }: { repairs: boolean },
): Promise<Finding[]> {
  try {
    const held = await server.exchange({ lookupHandles: [context.account.handle] })
    const stock = keyPackages(context, held)
    const published = repairs && stock.verdict !== 'well' ? await server.restock(held) : 0
    const did = published > 0 ? { did: `${counted(published, 'key package')} published` } : {}
    return [registration(context, held), { ...stock, ...did }]
  } catch (error) {
    if (!(error instanceof RpcError || error instanceof LineStopped)) throw error
    const [why] = error.message.split('\n')
    const found = `the server could not be asked about this device: ${why}`
    return [{ area: 'account', check: 'registration', verdict: 'problem', found }]
  }
}

function registration({ account }: Context, { lookups }: KeyExchanged): Finding {
  const outcome = lookups[0]?.outcome
  const listed = outcome?.case === 'devices' ? outcome.value.deviceCertificates : []
  const devices = certifiedDevices(crypto, listed).filter(
    ({ accountKey }) => Buffer.compare(accountKey, account.account.publicKey) === 0,
  )
  const isListed = devices.some(({ deviceKey }) => Buffer.compare(deviceKey, account.device.publicKey) === 0)
  if (isListed)
    return {
      area: 'account',
      check: 'registration',
      verdict: 'well',
      found: `${account.handle} is registered with ${counted(devices.length, 'device')}, this one among them`,
    }
  return {
    area: 'account',
    check: 'registration',
    verdict: 'problem',
    found: `the server does not list this device among those of ${account.handle}: others cannot add it`,
    remedy: "tell the server's operator",
  }
}

function keyPackages({ records }: Context, { keyPackagesLeft, hasLastResort }: KeyExchanged): Finding {
  const stock = records.list('keypackages').map(({ record }) => record)
  const here = stock.filter(({ lastResort }) => !lastResort).length
  const finding = { area: 'account', check: 'key-packages' } as const
  const found = `${counted(keyPackagesLeft, 'key package')} left at the server, the keys of ${here} here; ${hasLastResort ? 'one' : 'none'} of last resort`
  if (here < keyPackagesLeft || (hasLastResort && !stock.some(({ lastResort }) => lastResort)))
    return {
      ...finding,
      verdict: 'note',
      found: `${found}: what is made with one whose key is not here cannot be opened`,
      remedy: 'whoever cannot reach you tries again',
    }
  if (!hasLastResort && keyPackagesLeft === 0)
    return { ...finding, verdict: 'problem', found: `${found}: nobody can reach this device` }
  if (!hasLastResort || keyPackagesLeft < KEY_STOCK_LOW) return { ...finding, verdict: 'note', found }
  return { ...finding, verdict: 'well', found }
}
