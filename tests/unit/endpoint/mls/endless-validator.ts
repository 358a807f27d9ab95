// A check that never ends, as a welcome that finds a loop in the library would.

export function validateCredential(): boolean {
  for (;;);
}
