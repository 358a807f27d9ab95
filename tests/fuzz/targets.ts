import type { Target } from './target.js'
import { content } from './targets/content.js'
import { conversation } from './targets/conversation.js'
import { endpoint } from './targets/endpoint.js'
import { engine } from './targets/engine.js'
import { envelope } from './targets/envelope.js'
import { identity } from './targets/identity.js'
import { server } from './targets/server.js'
import { text } from './targets/text.js'
import { vault } from './targets/vault.js'

/** All that takes input from outside. */
export const TARGETS: readonly Target[] = [
  identity,
  text,
  vault,
  conversation,
  engine,

  content,
  envelope,
  server,
  endpoint,
]
