// Parley's own extensions of MLS, of the range for private use (RFC 9420 section 17.3). To the engine each is
// bytes and nothing more:
//
// - the settings that the members of a group agree on stand in the GroupContext (section 8.1), so every commit
//   confirms them and every newcomer joins with them; they change by a GroupContextExtensions proposal
//   (section 12.1.7);
// - the data of a leaf stand in it, signed with it, and change with each commit of its owner;
// - the data for those who join stand in the GroupInfo of their welcome, signed by the one who adds them.

import {
  MAX_BASIS_BYTES,
  MAX_GROUP_STATE_BYTES,
  MAX_JOINER_BYTES,
} from '../../protocol/conversation/limits.js'
import type { Capabilities, ClientState, Extension, LeafNode, Proposal } from './library.js'
import { MlsRefused } from './refused.js'

export const SETTINGS_EXTENSION = 0xf0a1
const LEAF_EXTENSION = 0xf0a2
export const JOINER_EXTENSION = 0xf0a3
/** Marks a key package of last resort (RFC 9750's registry: last_resort). */
export const LAST_RESORT_EXTENSION = 0x000a
/** Each device says in its capabilities that it can read these. */
const REQUIRED_EXTENSIONS = [SETTINGS_EXTENSION, LEAF_EXTENSION, JOINER_EXTENSION]
export const SUPPORTED_EXTENSIONS = [LAST_RESORT_EXTENSION, ...REQUIRED_EXTENSIONS]

/** Bytes. Every state of the group holds them once for each epoch that it keeps. */
export const MAX_SETTINGS_BYTES = MAX_GROUP_STATE_BYTES
/** Bytes. Every tree holds them once for each leaf. */
export const MAX_LEAF_DATA_BYTES = 1024
/** Bytes of a commit that are signed with it and that the server reads: no extension, but bytes just as these. */
export const MAX_AUTHENTICATED_BYTES = MAX_BASIS_BYTES

/** Undefined for a group without. */
export function settingsOf(state: ClientState): Uint8Array | undefined {
  return dataOf(state.groupContext.extensions, SETTINGS_EXTENSION)
}

/** Undefined for a leaf without. */
export function leafDataOf(leaf: Pick<LeafNode, 'extensions'>): Uint8Array | undefined {
  return dataOf(leaf.extensions, LEAF_EXTENSION)
}

function dataOf(extensions: Extension[], type: number): Uint8Array | undefined {
  return extensions.find(({ extensionType }) => extensionType === type)?.extensionData.slice()
}

/** The extensions of a group with these settings. @throws MlsRefused('bad-change') where they are too long. */
export function groupExtensions(settings: Uint8Array | undefined): Extension[] {
  return extensionWith(SETTINGS_EXTENSION, settings, MAX_SETTINGS_BYTES)
}

/** The extensions of a leaf with these data. @throws MlsRefused('bad-change') where they are too long. */
export function leafExtensions(data: Uint8Array | undefined): Extension[] {
  return extensionWith(LEAF_EXTENSION, data, MAX_LEAF_DATA_BYTES)
}

/** The extensions of a GroupInfo, but for the tree. @throws MlsRefused('bad-change') where they are too long. */
export function joinerExtensions(data: Uint8Array | undefined): Extension[] {
  return extensionWith(JOINER_EXTENSION, data, MAX_JOINER_BYTES)
}

function extensionWith(extensionType: number, data: Uint8Array | undefined, most: number): Extension[] {
  if (data === undefined) return []
  if (data.length > most) throw new MlsRefused('bad-change')
  return [{ extensionType, extensionData: data.slice() }]
}

/** @throws MlsRefused('bad-change') */
export function proposalOfSettings(settings: Uint8Array): Proposal {
  return {
    proposalType: 'group_context_extensions',
    groupContextExtensions: { extensions: groupExtensions(settings) },
  }
}

/**
 * The settings among another member's extensions. Any other extension could let outsiders propose, or
 * ask of members what they cannot do.
 *
 * @throws MlsRefused('unsupported') for anything but settings, and for none: they never go.
 */
export function settingsAmong(extensions: Extension[]): Uint8Array {
  const settings = onlyOne(extensions, SETTINGS_EXTENSION, MAX_SETTINGS_BYTES)
  if (settings === undefined) throw new MlsRefused('unsupported')
  return settings
}

/**
 * The data for those who join, among the extensions of another member's GroupInfo. Others than ours are for
 * other clients.
 *
 * @throws MlsRefused('unsupported') for data that are there twice, or too long.
 */
export function joinerAmong(extensions: Extension[]): Uint8Array | undefined {
  const ours = extensions.filter(({ extensionType }) => extensionType === JOINER_EXTENSION)
  return onlyOne(ours, JOINER_EXTENSION, MAX_JOINER_BYTES)
}

/**
 * That a leaf is one of Parley's: it can read all that a group may hold, and holds nothing else itself.
 *
 * @throws MlsRefused('unsupported')
 */
export function demandOurs(leaf: Pick<LeafNode, 'capabilities' | 'extensions'>): void {
  demandCapabilities(leaf.capabilities)
  onlyOne(leaf.extensions, LEAF_EXTENSION, MAX_LEAF_DATA_BYTES)
}

/**
 * That a key package says of itself that it is of last resort, or nothing.
 *
 * @throws MlsRefused('unsupported')
 */
export function demandLastResort(extensions: Extension[]): void {
  onlyOne(extensions, LAST_RESORT_EXTENSION, 0)
}

function demandCapabilities({ extensions }: Capabilities): void {
  if (!REQUIRED_EXTENSIONS.every(type => extensions.includes(type))) throw new MlsRefused('unsupported')
}

/** The data of the one extension there is; undefined for none. @throws MlsRefused('unsupported') for any other. */
function onlyOne(extensions: Extension[], type: number, most: number): Uint8Array | undefined {
  const [extension] = extensions
  if (extension === undefined) return undefined
  const sound =
    extensions.length === 1 && extension.extensionType === type && extension.extensionData.length <= most
  if (!sound) throw new MlsRefused('unsupported')
  return extension.extensionData.slice()
}
