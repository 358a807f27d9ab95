// Calls over the channel that tests have in memory keep the same promises.

import { ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { implement } from '../../../services/rpc/service.js'
import { callsSuite, ECHO, MAX_MESSAGE, type StartCalls } from '../../support/calls-suite.js'
import { FakeClock } from '../../support/memory/clock.js'
import { certificateOf, MemoryNetwork } from '../../support/memory/network.js'

const start: StartCalls = async handlers => {
  const clock = new FakeClock()
  const network = new MemoryNetwork(clock)
  const defects: { error: unknown; method: string }[] = []
  const certificate = certificateOf('server', clock)
  const hangUp = network.listen(1, {
    services: [implement(ChatService, { ...ECHO, ...handlers })],
    certificate,
    maxMessageBytes: MAX_MESSAGE,
    onDefect: (error, method) => defects.push({ error, method }),
  })
  const open = (maxMessageBytes = MAX_MESSAGE) =>
    network.way().connect({
      ...{ host: 'memory', port: 1, maxMessageBytes },
      trust: { kind: 'pinned', certificate: certificate.certificate },
    })
  const channel = open()
  let isOver = false
  const timeGoesOn = async () => {
    while (!isOver) {
      await clock.settled()
      clock.pass(10)
    }
  }
  const time = timeGoesOn()
  return {
    channel,
    defects,
    open,
    async [Symbol.asyncDispose]() {
      channel.close()
      hangUp()
      isOver = true
      await time
    },
  }
}

callsSuite(start)
