// Starts a program of this package where it can run. Any Node must be able to read all that it names before that.

import { readFileSync } from 'node:fs'

const WRONG_USE = 2

/** Imports the program, and with it all that an older Node may not have. */
export async function launch(program: () => Promise<unknown>): Promise<void> {
  const needed = neededVersion()
  if (isOlder(process.versions.node, needed)) {
    process.stderr.write(
      `parley: this is Node ${process.versions.node}; Parley needs Node ${needed} or newer: https://nodejs.org\n`,
    )
    process.exitCode = WRONG_USE
    return
  }
  keepExperimentsQuiet()
  await program()
}

/** As package.json has it: ">=24.7". */
function neededVersion(): string {
  const manifest: { engines: { node: string } } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return manifest.engines.node.replace('>=', '')
}

export function isOlder(version: string, than: string): boolean {
  const [one, other] = [version.split('.').map(Number), than.split('.').map(Number)]
  for (let place = 0; place < other.length; place++) {
    const difference = (one[place] ?? 0) - (other[place] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** node:sqlite says at each start that it is an experiment, which is nothing that a person could do anything about. */
function keepExperimentsQuiet(): void {
  const { emitWarning } = process
  const isExperimental = (kind: unknown): boolean =>
    kind === 'ExperimentalWarning' ||
    (typeof kind === 'object' && kind !== null && 'type' in kind && kind.type === 'ExperimentalWarning')
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!isExperimental(rest[0])) emitWarning.call(process, warning, ...rest)
  }
}
