import type { Dialer } from '../channel.js'
import { probe } from './certificate.js'
import { connect } from './client.js'

/** The ways to servers by gRPC over TLS. */
export const dialer: Dialer = { probe, connect }
