// Runs StrykerJS over compiled files, with the tests that import them, and reads its report.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The top of the repository, seen from dist/tests/mutate. */
export const TOP = fileURLToPath(new URL('../../../', import.meta.url))
/** ms that a mutant may add to what its tests took before. */
const TIMEOUT_MS = 15_000
const OUTPUT = `${TOP}dist/mutation`

export interface Run {
  /** Compiled files to break, and the compiled tests that may notice, as globs from the top. */
  files: string
  tests: string
  workers: number | undefined
}

/** The parts that we read of a report in the mutation testing schema. Lines and columns count from 1. */
export interface Report {
  files: Record<string, { source: string; mutants: Mutant[] }>
}

export interface Mutant {
  mutatorName: string
  replacement: string
  status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'RuntimeError' | 'CompileError' | 'Ignored'
  location: { start: Position; end: Position }
}

export interface Position {
  line: number
  column: number
}

/** Breaks one thing after the other, and says which of them a test has found. */
export async function stryker(run: Run): Promise<Report> {
  rmSync(OUTPUT, { recursive: true, force: true })
  mkdirSync(OUTPUT, { recursive: true })
  writeFileSync(`${OUTPUT}/config.json`, JSON.stringify(configuration(run), undefined, 2))
  const program = `${TOP}node_modules/@stryker-mutator/core/bin/stryker.js`
  const child = spawn(process.execPath, [program, 'run', `${OUTPUT}/config.json`], {
    cwd: TOP,
    // Progress is for people; the result alone is on standard output.
    stdio: ['ignore', 2, 2],
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve)
  })
  if (code !== 0) throw new Error(`Stryker ended with ${code}; what it said is above.`)
  return JSON.parse(readFileSync(`${OUTPUT}/report.json`, 'utf8')) as Report
}

// Compiled files are broken and not the sources: so nothing is compiled again, and jest, which runs what is
// compiled, knows itself which test files import a broken one.
function configuration({ files, tests, workers }: Run): object {
  return {
    mutate: [files],
    testRunner: 'jest',
    plugins: ['@stryker-mutator/jest-runner'],
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    jest: {
      enableFindRelatedTests: true,
      config: {
        testMatch: [`<rootDir>/${tests}`],
        roots: ['<rootDir>/dist'],
        setupFiles: ['<rootDir>/dist/tests/mutate/short-properties.js'],
        testTimeout: 2 * TIMEOUT_MS,
        runner: '<rootDir>/dist/tests/mutate/first-found.js',
      },
    },
    coverageAnalysis: 'perTest',
    ...(workers !== undefined && { concurrency: workers }),
    // Stryker would rewrite a tsconfig.json by the interface of TypeScript 5, which 7 does not have.
    tsconfigFile: 'none',
    // Most of a core may be somebody else's; a mutant is not found because of that.
    timeoutMS: TIMEOUT_MS,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: `${OUTPUT}/report.json` },
    warnings: { slow: false },
    logLevel: 'warn',
    allowConsoleColors: false,
    // A second biome.json would stop Biome in the whole repository.
    ignorePatterns: ['data', 'docs', 'biome.json'],
  }
}
