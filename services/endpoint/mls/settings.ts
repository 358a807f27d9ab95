// The settings that the members of a group agree on. They stand in the GroupContext (RFC 9420
// section 8.1), so every commit confirms them and every newcomer joins with them; here they are bytes and
// nothing more. They change by a GroupContextExtensions proposal (section 12.1.7) that is alone in its
// commit: the library encrypts a path for the group as it was and decrypts it for the group as it
// will be, so that together with a remove nobody could follow.

import {
  type Capabilities,
  type ClientState,
  type Extension,
  extensionsSupportedByCapabilities,
  type Proposal,
} from './library.js'
import { MlsRefused } from './refused.js'

/** Of the range for private use (RFC 9420 section 17.3). */
export const SETTINGS_EXTENSION = 0xf0a1
/** Bytes. Every state of the group holds them once for each epoch that it keeps. */
const MAX_SETTINGS_BYTES = 64 * 1024

/** Undefined for a group without. */
export function settingsOf(state: ClientState): Uint8Array | undefined {
  const extension = state.groupContext.extensions.find(
    ({ extensionType }) => extensionType === SETTINGS_EXTENSION,
  )
  return extension?.extensionData.slice()
}

/** The extensions of a group with these settings. @throws MlsRefused('bad-change') where they are too long. */
export function extensionsFor(settings: Uint8Array | undefined): Extension[] {
  if (settings === undefined) return []
  if (settings.length > MAX_SETTINGS_BYTES) throw new MlsRefused('bad-change')
  return [{ extensionType: SETTINGS_EXTENSION, extensionData: settings.slice() }]
}

/** @throws MlsRefused('bad-change') */
export function proposalOfSettings(settings: Uint8Array): Proposal {
  const extensions = extensionsFor(settings)
  return { proposalType: 'group_context_extensions', groupContextExtensions: { extensions } }
}

/**
 * The settings among another member's extensions. Any other extension could let outsiders propose, or
 * ask of members what they cannot do.
 *
 * @throws MlsRefused('unsupported') for anything but settings, and for none: they never go.
 */
export function settingsAmong(extensions: Extension[]): Uint8Array {
  const [settings] = extensions
  const sound =
    extensions.length === 1 &&
    settings?.extensionType === SETTINGS_EXTENSION &&
    settings.extensionData.length <= MAX_SETTINGS_BYTES
  if (!sound) throw new MlsRefused('unsupported')
  return settings.extensionData.slice()
}

/**
 * That a device can be in a group with settings. Asked of every newcomer, so that settings may be given
 * to a group at any time.
 *
 * @throws MlsRefused('unsupported')
 */
export function demandSettingsSupport(capabilities: Capabilities): void {
  if (!extensionsSupportedByCapabilities(extensionsFor(new Uint8Array()), capabilities))
    throw new MlsRefused('unsupported')
}
