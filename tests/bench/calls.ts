// KeyExchange calls, prepared before they are timed: to sign is the client's work.

import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import type { RpcChannel } from '../../services/rpc/channel.js'
import { spkiFingerprint } from '../../services/rpc/node/certificate.js'
import {
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeList,
  makeProof,
  type PartsInit,
  partsOf,
  random,
  type TestDevice,
} from '../support/contract-device.js'
import { channelTo } from './load-stream.js'
import { drain } from './measure.js'
import type { ServerAddress, ServerKind } from './server-worker.js'

/** Calls that are under way at the same time. */
const AT_ONCE = 32
/** Bytes of a post-quantum key package, about. */
const KEY_PACKAGE_BYTES = 4_000
/** Of one device: what the server keeps at most. */
const KEY_PACKAGES = 100

export interface Calls {
  server: ServerAddress
  kind: ServerKind
  count: number
}

type Call = () => Promise<unknown>

/** Returns the calls of a device, each with a proof of its own. */
function callsOf(device: TestDevice, { server, channel }: { server: ServerAddress; channel: RpcChannel }) {
  const fingerprint = spkiFingerprint(server.certificate)
  return (asked: PartsInit): Call => {
    const parts = partsOf(asked)
    const proof = makeProof({ device, server: fingerprint, method: METHOD_KEY_EXCHANGE, request: parts })
    return () => channel.unary(ChatService.method.keyExchange, { proof, parts })
  }
}

/** The server's id; of an echo none. */
async function idOf(channel: RpcChannel): Promise<Uint8Array> {
  const { serverId } = await channel
    .unary(ChatService.method.getServer, {})
    .catch(() => ({ serverId: new Uint8Array(16) }))
  return serverId
}

export async function register(server: ServerAddress): Promise<TestDevice> {
  const device = makeDevice()
  const channel = channelTo(server)
  const deviceList = makeList(device, { serverId: await idOf(channel) })
  await callsOf(device, { server, channel })({ deviceList })()
  channel.close()
  return device
}

/** Registrations a second, each of another device. */
export async function registrations({ server, count }: Calls): Promise<number> {
  const channel = channelTo(server)
  const serverId = await idOf(channel)
  const calls = Array.from({ length: count }, () => {
    const device = makeDevice()
    return callsOf(device, { server, channel })({ deviceList: makeList(device, { serverId }) })
  })
  const perSecond = await drain(calls, AT_ONCE)
  channel.close()
  return perSecond
}

/** Claims a second, each of one key package. An echo is sent the key package that it answers with. */
export async function claims({ server, kind, count }: Calls): Promise<number> {
  const channel = channelTo(server)
  const place = { server, channel }
  const handles = kind === 'relay' ? await stock(place, Math.ceil(count / KEY_PACKAGES)) : ['nobody']
  const call = callsOf(kind === 'relay' ? await register(server) : makeDevice(), place)
  const keyPackages = kind === 'relay' ? [] : [random(KEY_PACKAGE_BYTES)]
  const calls = Array.from({ length: count }, (_, index) =>
    call({ keyPackages, claimHandles: [handles[index % handles.length]!] }),
  )
  const perSecond = await drain(calls, AT_ONCE)
  channel.close()
  return perSecond
}

/** Registers devices that publish all the key packages that they may. Returns their handles. */
async function stock(
  place: { server: ServerAddress; channel: RpcChannel },
  devices: number,
): Promise<string[]> {
  const handles: string[] = []
  const serverId = await idOf(place.channel)
  while (handles.length < devices) {
    const device = makeDevice()
    const keyPackages = Array.from({ length: KEY_PACKAGES }, () => random(KEY_PACKAGE_BYTES))
    await callsOf(device, place)({ deviceList: makeList(device, { serverId }), keyPackages })()
    handles.push(device.handle)
  }
  return handles
}
