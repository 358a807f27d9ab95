// A member with a modified program: a device with an account that speaks the contract and holds the keys that it was
// given, asks none of the rules that an endpoint asks, and tells what it could read.

import { setTimeout as delay } from 'node:timers/promises'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type SignedTextStatement,
  SignedTextStatementSchema,
  type TextStatement,
  TextStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { ContentSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { ChatService, type CommitBundleSchema, type Envelope } from '../../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import type { Held } from '../../../services/endpoint/groups/state/held.js'
import {
  type Commit,
  type CommitChange,
  createEngine,
  type Engine,
  type KeyPackagePair,
} from '../../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import { pad } from '../../../services/protocol/content/padding.js'
import { encodeLeafList } from '../../../services/protocol/conversation/leaves.js'
import { encodeRejoinStatement } from '../../../services/protocol/conversation/rejoin-statement.js'
import { readDeviceList } from '../../../services/protocol/identity/device-list.js'
import { accountKey, deviceKeys } from '../../../services/protocol/keys.js'
import { epochTagOf } from '../../../services/protocol/log/bundle-head.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { MESSAGE_BYTES } from '../../../services/protocol/sizes.js'
import type { RpcChannel } from '../../../services/rpc/channel.js'
import { RpcError } from '../../../services/rpc/error.js'
import { probe, spkiFingerprint } from '../../../services/rpc/node/certificate.js'
import { connect } from '../../../services/rpc/node/client.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeCertificate,
  makeDevice,
  makeList,
  makeProof,
  openBytes,
  type PartsInit,
  type ProofInit,
  partsOf,
  signLabelled,
  type TestDevice,
} from '../../support/contract-device.js'
import { signedCommit } from '../../support/contract-head.js'
import type { Outgoing } from '../../support/contract-stream.js'
import type { ListedAccount } from '../../support/modified-client.js'
import { type Group, Groups } from './groups.js'
import { Line, type Outcome } from './line.js'

/** Key packages that it publishes at a time. */
const STOCK = 20
/** Tries of a call that the server does not answer: it is being killed, say. */
const TRIES = 20
/** Between two of them, in ms. */
const AGAIN_MS = 300
const HOST = '127.0.0.1'
const TEXT_LABEL = 'parley.content.v1.TextStatement'

export type Role = 'admin' | 'member' | 'removed'
export type BundleInit = Exclude<MessageInitShape<typeof CommitBundleSchema>, { $typeName: string }>
export type ContentInit = Exclude<MessageInitShape<typeof ContentSchema>, { $typeName: string }>

/** A text is signed with these, in place of what is right. */
interface Signing extends Partial<Omit<TextStatement, '$typeName' | '$unknown'>> {
  conversationId?: Uint8Array
  deviceId?: Uint8Array
}
type HeadChange = Parameters<typeof signedCommit>[2]

interface Committing extends CommitChange {
  /** The bundle that is sent, in place of the one with the commit alone. */
  alter?: (made: Commit) => BundleInit
  /** That makes the commit. */
  engine?: Engine
  /** All that the group holds behind it. */
  after?: Held
}

interface ServerSeen {
  port: number
  certificate: string
  fingerprint: Uint8Array
  serverId: Uint8Array
}

export interface EnterOptions {
  handle: string
  role: Role
  port: number
  /** Told of all application envelopes that the server gives it. */
  onCiphertext(conversationId: Uint8Array, ciphertext: Uint8Array): Promise<void>
}

export class Program {
  readonly handle: string
  readonly role: Role
  readonly device: TestDevice
  readonly engine: Engine
  readonly server: ServerSeen
  readonly groups: Groups
  readonly line: Line
  /** Envelopes of its own that others were delivered: to be said again. */
  readonly said: Outgoing[] = []
  /** Of its account: the one that its key packages name. */
  list: Uint8Array
  #channel: RpcChannel

  private constructor(
    private readonly options: EnterOptions,
    { engine, server }: { engine: Engine; server: ServerSeen },
  ) {
    this.handle = options.handle
    this.role = options.role
    this.engine = engine
    this.server = server
    this.device = deviceOn(server, options)
    this.list = makeList(this.device, { serverId: server.serverId })
    this.groups = new Groups(engine)
    this.#channel = this.connect()
    this.line = new Line({
      connect: () => this.connect(),
      proof: cursor => this.proof(METHOD_CHAT, openBytes({ cursor })),
      onEnvelope: envelope => this.#take(envelope),
    })
  }

  /** Registers, publishes key packages and stays connected. */
  static async enter(options: EnterOptions): Promise<Program> {
    const { port } = options
    const { certificate } = await probe({ host: HOST, port })
    const trust = { kind: 'pinned' as const, certificate }
    const channel = connect({ host: HOST, port, trust, maxMessageBytes: MESSAGE_BYTES })
    const { serverId } = await channel.unary(ChatService.method.getServer, {})
    channel.close()
    const server = { port, certificate, fingerprint: spkiFingerprint(certificate), serverId }
    const engine = await createEngine({ validate: validateCredential })
    const program = new Program(options, { engine, server })
    await program.publish()
    return program
  }

  connect(): RpcChannel {
    const { port, certificate } = this.server
    const trust = { kind: 'pinned' as const, certificate }
    return connect({ host: HOST, port, trust, maxMessageBytes: MESSAGE_BYTES })
  }

  proof(method: string, request: Uint8Array): ProofInit {
    return makeProof({ device: this.device, server: this.server.fingerprint, method, request })
  }

  /** As endpoints have their accounts. */
  get own(): ListedAccount {
    const { handle, account, certificate } = this.device
    const list = readDeviceList(nodeCrypto, this.list)
    const device = rawKeys(this.device)
    return { handle, account: { publicKey: accountKey(account.publicKey) }, device, certificate, list }
  }

  /** New key packages, that others add it with. */
  async publish(): Promise<void> {
    const pairs = await Promise.all(Array.from({ length: STOCK }, () => this.keyPackage()))
    const lastResort = await this.keyPackage({ lastResort: true })
    this.groups.keep([...pairs, lastResort])
    await this.exchange({
      deviceList: this.list,
      keyPackages: pairs.map(({ publicPackage }) => publicPackage),
      lastResortKeyPackage: lastResort.publicPackage,
    })
  }

  keyPackage({ lastResort = false, device = this.device } = {}): Promise<KeyPackagePair> {
    const { certificate: identity } = device
    const { privateKey: signatureKey, publicKey } = rawKeys(device)
    const leafData = encodeLeafList(readDeviceList(nodeCrypto, this.list))
    return this.engine.newKeyPackage({
      ...{ identity, signatureKey, publicKey },
      ...{ lastResort, leafData },
    })
  }

  /** undefined: the server refuses it. */
  async exchange(asked: PartsInit): Promise<KeyExchanged | undefined> {
    for (let times = 0; times < TRIES; times++)
      try {
        const parts = partsOf(asked)
        const proof = this.proof(METHOD_KEY_EXCHANGE, parts)
        const { outcome } = await this.#channel.unary(ChatService.method.keyExchange, { proof, parts })
        return outcome.case === 'exchanged' ? outcome.value : undefined
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        if (error.code !== 'UNAVAILABLE' && error.code !== 'CANCELLED') return undefined
        await delay(AGAIN_MS)
        this.#channel.close()
        this.#channel = this.connect()
      }
    return undefined
  }

  /** A commit of its own in a room, or what it wants to be taken for one. `change`: of its head. */
  commitOf({ conversationId, states }: Group, bundle: BundleInit, change: HeadChange = {}): Outgoing {
    const [state] = states
    const epochTag = epochTagOf(nodeCrypto, this.engine.epochAuthenticator(state!))
    return signedCommit(
      this.device,
      {
        conversationId,
        envelope: { case: 'commit', value: { epoch: this.engine.epoch(state!), ...bundle } },
      },
      { epochTag, ...change },
    )
  }

  /** Makes a commit of this change, sends it, and is in the next epoch where the server takes it. */
  async commit(
    group: Group,
    { alter = ({ commit }) => ({ commit }), engine = this.engine, after = group.held, ...change }: Committing,
  ): Promise<Outcome> {
    const [state] = group.states
    const made = await engine.commit(state!, change)
    const [outcome = 'down'] = await this.line.send(this.commitOf(group, alter(made)))
    if (outcome === 'accepted')
      this.groups.enter(group, { state: engine.adopt(state!, made.pending).state, held: after })
    return outcome
  }

  /** Seals a content as an endpoint would. `text`: said in it, signed as it stands there. */
  async seal(group: Group, content: ContentInit, text?: string): Promise<Outgoing> {
    const { joinedEpoch } = group
    group.count++
    const said = { count: group.count, joinedEpoch, sentAtMs: BigInt(Date.now()), ...content }
    const signed = text === undefined ? undefined : this.signed(group, said, text)
    const body = signed && ({ case: 'text', value: { signed } } as const)
    const encoded = toBinary(ContentSchema, create(ContentSchema, { ...said, ...(body && { body }) }))
    return await this.sealBytes(group, pad(encoded))
  }

  /** A text as this device signs it for a place. `change`: of what is right there. */
  signed(
    { conversationId: groupId, held }: Group,
    said: ContentInit,
    text: string,
    change: Signing = {},
  ): SignedTextStatement {
    const { count = 0n, joinedEpoch = 0n, resentCount = 0n, sentAtMs = 0n } = said
    const { conversationId = held.state.id, deviceId = this.device.id, ...fields } = change
    const place = { groupId, joinedEpoch, count: resentCount || count, sentAtMs, text }
    const statement = toBinary(TextStatementSchema, create(TextStatementSchema, { ...place, ...fields }))
    const bytes = Buffer.concat([this.device.account.publicKey, deviceId, conversationId, statement])
    const signature = signLabelled(TEXT_LABEL, bytes, this.device.key)
    return create(SignedTextStatementSchema, { statement, signature })
  }

  async sealBytes({ conversationId, states }: Group, plaintext: Uint8Array): Promise<Outgoing> {
    const { state, ciphertext } = await this.engine.seal(states[0]!, plaintext)
    states[0] = state
    const epoch = this.engine.epoch(state)
    return { conversationId, envelope: { case: 'application', value: { epoch, ciphertext } } }
  }

  close(): void {
    this.line.close()
    this.#channel.close()
  }

  async #take({ conversationId, envelope: { case: kind, value } }: Envelope): Promise<void> {
    if (kind === 'welcome') await this.groups.join(conversationId, value)
    else if (kind === 'commit') await this.groups.follow(conversationId, value)
    else if (kind === 'rejoin') this.groups.heard.rejoins.add(encodeRejoinStatement(value))
    else if (kind === 'application') await this.options.onCiphertext(conversationId, value.ciphertext)
  }
}

/** Its certificate is of this server, as those of all members are. */
function deviceOn({ serverId }: ServerSeen, { handle }: EnterOptions): TestDevice {
  const device = makeDevice({ handle })
  const { account, id: deviceKey } = device
  return { ...device, certificate: makeCertificate({ account, deviceKey, serverId }) }
}

/** An endpoint's keys are bytes. */
function rawKeys({ key: { privateKey, publicKey } }: TestDevice) {
  const raw = Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url')
  return deviceKeys({ publicKey, privateKey: new Uint8Array(raw) })
}
