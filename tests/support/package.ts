// This package as somebody else has it: packed, and installed by npm in an empty folder.

import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cleanEnvironment } from './processes.js'

export const TOP = fileURLToPath(new URL('../../../', import.meta.url))
/** npm with what it has in its cache takes seconds; over a slow network it may take minutes. */
const INSTALL_TIMEOUT_MS = 90_000
/** npm says this where it cannot reach the registry. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|_CERT_|CERT_|network/

const run = promisify(execFile)

/** Node as the tests run on it comes first. */
const PATH = `${dirname(process.execPath)}:${process.env.PATH ?? ''}`
/** npm finds the registry as it does where a person calls it: by proxies and certificates of the environment, too. */
const npmEnvironment = () => {
  const own = Object.entries(process.env).filter(([name]) => !/^(JEST_|NODE_OPTIONS$)/.test(name))
  return { ...Object.fromEntries(own), PATH }
}

interface Installed {
  folder: string
  /** The path of one of its programs. */
  program(name: string): string
}

/** Packs what is built and installs it. Returns why not, where the registry cannot be reached. */
export async function installPacked(folder: string): Promise<Installed | string> {
  await mkdir(folder)
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = (cwd: string, ...args: string[]) =>
    run('npm', [...args, ...quiet], { cwd, env: npmEnvironment(), timeout: INSTALL_TIMEOUT_MS })
  const { stdout } = await npm(TOP, 'pack', '--pack-destination', folder)
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  try {
    const tarball = `./${stdout.trim().split('\n').at(-1)}`
    await npm(folder, 'install', '--prefer-offline', '--fetch-retries=1', tarball)
  } catch (error) {
    const { stderr = '', killed = false } = error as { stderr?: string; killed?: boolean }
    const said = killed ? `no answer in ${INSTALL_TIMEOUT_MS / 1000} s` : stderr
    if (killed || UNREACHABLE.test(said))
      return `the registry of npm cannot be reached: ${said.split('\n', 1)[0]}`
    throw error
  }
  return { folder, program: name => join(folder, 'node_modules/.bin', name) }
}

/** Runs one of the installed programs, or node with a file, to its end. */
export async function runInstalled(
  { folder }: Installed,
  program: string,
  ...args: string[]
): Promise<{ stdout: string; stderr: string }> {
  return await run(program, args, { cwd: folder, env: { ...cleanEnvironment({}), PATH } })
}

/** The example of the README that begins with this import, as it stands there. */
export async function exampleOf(heading: string): Promise<string> {
  const readme = await readFile(join(TOP, 'README.md'), 'utf8')
  const section = readme.slice(readme.indexOf(`\n## ${heading}\n`))
  return /```js\n([\s\S]*?)```/.exec(section)?.[1] ?? ''
}
