// All acts, by theme; the same names on the command line.

import type { Act } from './act.js'
import { CHAINS } from './chains.js'
import { COMMITS } from './commits.js'
import { CONTENTS } from './contents.js'
import { DIRECTORY, FORK } from './directory.js'
import { FLOODS } from './floods.js'
import { FRAMES } from './frames.js'
import { HEADS } from './heads.js'
import { REQUESTS } from './requests.js'
import { SUCCESSORS } from './successors.js'
import { TEXTS } from './texts.js'
import { WELCOMES } from './welcomes.js'

export const ACTS: readonly Act[] = [
  ...COMMITS,
  ...CHAINS,
  ...WELCOMES,
  ...SUCCESSORS,
  ...HEADS,
  ...REQUESTS,
  ...CONTENTS,
  ...TEXTS,
  ...FLOODS,
  ...DIRECTORY,
  FORK,
  ...FRAMES,
]

/** `all`, or names with commas between. */
export function actsNamed(names: string): Act[] {
  if (names === 'all') return [...ACTS]
  return names.split(',').map(name => {
    const act = ACTS.find(each => each.name === name)
    if (!act) throw new RangeError(`an act is one of ${ACTS.map(each => each.name).join(', ')}, not ${name}`)
    return act
  })
}
