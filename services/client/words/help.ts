// --help, and what is wrong with a command line.

import { calledAs } from '../../launch/called-as.js'

/** How a person calls this program. */
export const PROGRAM = calledAs('parley', 'npm run client --')

/** The rows behind "Usage". */
const USAGES = [
  ['[ADDRESS] [options]', 'chat'],
  ['transcript [options]', 'print what was said, and end'],
  ['doctor [options]', 'look for what is wrong, repair it, and end'],
  ['link [ADDRESS] [options]', 'make this a further device of your account'],
  ['recover [ADDRESS] [options]', 'take your account back: this device first, others ended'],
  ['phrase [options]', 'print the 24 words that restore your account'],
] as const
const USAGE_COLUMNS = 33

interface Help {
  /** How a person calls the program. */
  program: string
  options: readonly string[]
  defaultAddress: string
  exits: readonly { code: number; meaning: string }[]
}

export function help({ program, options, defaultAddress, exits }: Help): string {
  const usages = USAGES.map(([what, meaning]) => `${program} ${what.padEnd(USAGE_COLUMNS)}${meaning}`)
  return [
    'Parley client: a private line in a terminal or in a pipe.',
    '',
    `Usage: ${usages.join('\n       ')}`,
    '',
    `ADDRESS is HOST:PORT or an invite link; at the first start ${defaultAddress} unless given.`,
    '',
    ...options,
    '',
    'In brackets: the environment variable that is read where the option is not given.',
    'PARLEY_PASSPHRASE is the passphrase of what is kept in the folder; in a terminal it is asked for.',
    '',
    `Exit codes: ${exits.map(({ code, meaning }) => `${code} ${meaning}`).join('; ')}.`,
  ].join('\n')
}

export const tooManyArguments = (argument: string): string =>
  `"${argument}" is one argument too many: --help shows the options`

export const badTimeout = (text: string, highest: number): string =>
  `--timeout must be seconds, up to ${highest}, not "${text}"`

export const BAD_FINGERPRINT =
  '--accept-server must be a fingerprint as the server prints it (SHA256: and 43 characters), or "authority"'

export const badRequests = (text: string, policies: readonly string[]): string =>
  `--requests "${text}": ${policies.join(' or ')}`

export const badKeyChange = (text: string, policies: readonly string[]): string =>
  `--key-change must be ${policies.join(', ')}, not "${text}"`
