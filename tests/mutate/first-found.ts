// The way jest runs test files in a mutation run. Stryker starts jest once for every mutant, with the names of the
// tests that come by it. Left to itself, jest would load every file that imports the mutant, also those with none of
// these tests, and go on after one has found it: in a room of twenty test files that is most of the time.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type {
  Config,
  EmittingTestRunner,
  EmittingTestRunnerInterface,
  Test,
  TestEvents,
  TestRunnerContext,
  TestRunnerOptions,
  TestWatcher,
  UnsubscribeFn,
} from 'jest-runner'

interface TestFile {
  names: string[]
  ms: number
}

/** The run without a mutant leaves here, for the runs with one, which are other processes, all that it saw of each test file. */
const SEEN = new URL('seen.json', import.meta.url)

type Given = ConstructorParameters<typeof EmittingTestRunner>
// Imported, it would have another form than its types say.
const { default: JestRunner } = createRequire(import.meta.url)('jest-runner') as {
  default: new (...given: Given) => EmittingTestRunner
}

export class FirstFound implements EmittingTestRunnerInterface {
  readonly supportsEventEmitters = true
  readonly #runner: EmittingTestRunnerInterface

  constructor(
    private readonly globalConfig: Config.GlobalConfig,
    context: TestRunnerContext,
    options?: Record<string, unknown>,
  ) {
    this.#runner = new JestRunner(globalConfig, context, options)
  }

  on<Name extends keyof TestEvents>(
    event: Name,
    listener: (data: TestEvents[Name]) => void | Promise<void>,
  ): UnsubscribeFn {
    return this.#runner.on(event, listener)
  }

  async runTests(tests: Test[], watcher: TestWatcher, options: TestRunnerOptions): Promise<void> {
    if (process.env.__STRYKER_ACTIVE_MUTANT__ !== undefined) await this.#untilFound(tests, watcher, options)
    else await this.#all(tests, watcher, options)
  }

  async #all(tests: Test[], watcher: TestWatcher, options: TestRunnerOptions): Promise<void> {
    const seen: Record<string, TestFile> = {}
    this.on('test-file-success', ([{ path }, { testResults, perfStats }]) => {
      seen[path] = { names: testResults.map(({ fullName }) => fullName), ms: perfStats.runtime }
    })
    await this.#runner.runTests(tests, watcher, options)
    writeFileSync(SEEN, JSON.stringify(seen))
  }

  async #untilFound(tests: Test[], watcher: TestWatcher, options: TestRunnerOptions): Promise<void> {
    let isFound = false
    this.on('test-file-success', ([, { numFailingTests }]) => {
      if (numFailingTests > 0) isFound = true
    })
    this.on('test-file-failure', () => {
      isFound = true
    })
    for (const test of this.#inOrder(tests))
      if (!isFound) await this.#runner.runTests([test], watcher, options)
  }

  /** Those with a test that comes by: first that of the file itself, then the quickest. */
  #inOrder(tests: readonly Test[]): Test[] {
    const seen = JSON.parse(readFileSync(SEEN, 'utf8')) as Record<string, TestFile>
    const { testNamePattern, nonFlagArgs } = this.globalConfig
    const isOne = new RegExp(testNamePattern ?? '', 'i')
    const own = nonFlagArgs.map(path =>
      path.replace('/services/', '/tests/unit/').replace(/\.js$/, '.test.js'),
    )
    const time = ({ path }: Test) => (own.includes(path) ? -1 : (seen[path]?.ms ?? 0))
    return tests
      .filter(({ path }) => seen[path]?.names.some(name => isOne.test(name)) ?? true)
      .sort((one, other) => time(one) - time(other))
  }
}

// biome-ignore lint/style/noDefaultExport: jest asks for the default of this file.
export default FirstFound
