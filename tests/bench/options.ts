import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Only the parts whose names begin so; undefined: all. */
  only: string | undefined
  /** How long each rate is measured. */
  seconds: number
  /** Print the JSON alone. */
  json: boolean
}

const DEFAULT_SECONDS = 4

/** Throws TypeError for an unknown option and RangeError for a number that is none. */
export function readOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string' }, seconds: { type: 'string' }, json: { type: 'boolean' } },
  })
  const seconds = Number(values.seconds ?? DEFAULT_SECONDS)
  if (!(seconds > 0)) throw new RangeError(`--seconds: ${values.seconds} is not a number above 0`)
  return { only: values.only, seconds, json: values.json ?? false }
}
