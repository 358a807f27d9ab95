// Options of a program. Each is a row: how it is read, the environment variable that stands for it, and the help come
// from there. node:util reads the command line.

import { parseArgs, types } from 'node:util'

/** An option is wrong. The message is for a person: which one, and what is allowed. */
export class UsageError extends Error {
  override name = 'UsageError'
}

export interface OptionRow {
  name: string
  /** Stands for the value in the help; undefined: a flag. */
  value?: string
  /** The value where nothing is given. */
  fallback?: string
  /** One letter. */
  short?: string
  help: string
}

export interface Arguments<Name extends string> {
  /** Of an option with a value: as it was given, or as the environment or the row has it. */
  text(name: Name): string | undefined
  /** Of a flag. */
  isSet(name: Name): boolean
  positionals: readonly string[]
}

/** Reads the command line and, for what it leaves out, the environment. Throws UsageError. */
export function readArguments<Name extends string>(
  rows: readonly (OptionRow & { name: Name })[],
  {
    args,
    environment,
    allowPositionals = false,
  }: {
    args: readonly string[]
    environment: Record<string, string | undefined>
    allowPositionals?: boolean
  },
): Arguments<Name> {
  const { values, positionals } = parsed(rows, args, allowPositionals)
  return {
    text(name) {
      const value = values[name]
      if (typeof value === 'string') return value
      // An empty variable is an unset one: container files pass them on so.
      return environment[variableOf(name)] || rows.find(row => row.name === name)?.fallback
    },
    isSet: name => values[name] === true,
    positionals,
  }
}

function parsed(rows: readonly OptionRow[], args: readonly string[], allowPositionals: boolean) {
  const options = Object.fromEntries(
    rows.map(({ name, value, short }) => [
      name,
      { type: value ? ('string' as const) : ('boolean' as const), ...(short ? { short } : {}) },
    ]),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals, strict: true })
  } catch (error) {
    // Its first sentence says what is wrong, the others how to get around it.
    const text = types.isNativeError(error) ? error.message : String(error)
    throw new UsageError(`${text.split(/[.\n]/, 1)[0]}: --help shows the options`)
  }
}

/** The rows of the help. */
export function optionsHelp(rows: readonly OptionRow[]): string[] {
  const shown = rows.map(({ name, value, fallback, short, help }) => ({
    option: `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`,
    help: `${help}${fallback === undefined ? '' : ` (default ${fallback})`}`,
    variable: value ? ` [${variableOf(name)}]` : '',
  }))
  const width = Math.max(...shown.map(({ option }) => option.length))
  return shown.map(({ option, help, variable }) => `  ${option.padEnd(width)}  ${help}${variable}`)
}

const variableOf = (name: string): string => `PARLEY_${name.toUpperCase().replaceAll('-', '_')}`
