import { basename } from 'node:path'

/** How a person calls this program: by its name where it is installed, by the script of npm in the folder of its sources. */
export function calledAs(name: string, script: string): string {
  return basename(process.argv[1] ?? '') === 'main.js' ? script : name
}
