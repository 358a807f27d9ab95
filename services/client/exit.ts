/** How the client ends; documented in --help and in the README. */
export const EXIT = {
  done: { code: 0, meaning: 'everything sent is stored (with --wait-delivered: delivered)' },
  failed: { code: 1, meaning: 'failed' },
  usage: { code: 2, meaning: 'wrong option' },
  stopped: {
    code: 3,
    meaning: 'the server, or whom you write to, was refused or refuses: another key, a handle taken, ...',
  },
  timeout: { code: 4, meaning: 'the time was up before everything was there' },
  unsent: { code: 5, meaning: 'some lines could not be sent' },
} as const

export type Exit = keyof typeof EXIT
