import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { EnvelopeSchema } from '../../../gen/parley/v1/chat_pb.js'
import { type ClusterMember, LocalCluster } from '../../../services/server/cluster.js'
import { bytesOf } from '../../support/store-world.js'

const device = bytesOf('device')

test('what is told reaches every relay that is there, the teller too, and none that has left', () => {
  const cluster = new LocalCluster()
  const heard: unknown[][] = [[], [], []]
  const members = heard.map(
    (own): ClusterMember => ({
      closeSession: (...told) => void own.push(['closeSession', ...told]),
      accountChanged: (...told) => void own.push(['accountChanged', ...told]),
      keyPackagesLeft: (...told) => void own.push(['keyPackagesLeft', ...told]),
      ephemeral: (...told) => void own.push(['ephemeral', ...told]),
    }),
  )
  const [first, second] = [cluster.join(members[0]!), cluster.join(members[1]!)]
  cluster.closeSession(device, 'banned')
  first()
  first()
  cluster.accountChanged('anna', [device])
  cluster.join(members[2]!)
  const envelope = create(EnvelopeSchema)
  cluster.ephemeral([device], envelope)
  cluster.keyPackagesLeft(device, { suite: 83, left: 7 })
  second()
  cluster.closeSession(device, 'revoked')
  const closed = ['closeSession', device, 'banned']
  const changed = ['accountChanged', 'anna', [device]]
  const passed = ['ephemeral', [device], envelope]
  const left = ['keyPackagesLeft', device, { suite: 83, left: 7 }]
  expect(heard).toEqual([
    [closed],
    [closed, changed, passed, left],
    [passed, left, ['closeSession', device, 'revoked']],
  ])
})
