import type { Engine } from '../../../services/endpoint/mls/engine.js'
import { asRefused } from '../../../services/endpoint/mls/refused.js'
import type { WelcomeOpener } from '../../../services/endpoint/mls/welcome-opener.js'

/** Opens welcomes in this thread, where a hostile one could hang: for tests, which have none that does. */
export function localOpener(engine: Pick<Engine, 'unsafeJoinHere' | 'save'>): WelcomeOpener {
  return {
    async open({ welcome, keyPackages }) {
      try {
        const joined = await engine.unsafeJoinHere(welcome, keyPackages)
        return { ...joined, state: engine.save(joined.state) }
      } catch (error) {
        throw asRefused(error, 'not-authentic')
      }
    },
    close: async () => undefined,
  }
}
