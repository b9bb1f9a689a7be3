/** A node that stood still itself takes nobody for silent who spoke meanwhile: of that no operator is told. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { limits } from '../../../src/limits.ts';
import { encodeFrame, type Frame } from '../../../resolvers/peers/frames.ts';
import { Link } from '../../../resolvers/peers/link.ts';
import { listen } from '../../../resolvers/peers/secure.ts';
import { HandClock } from '../../dispatch/support/world.ts';
import { freePort } from '../ports.ts';

const HELLO: Frame = { type: 'hello', versions: [1], from: 'a', to: 'b', inService: true };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('peers: a node that stood still', () => {
  function linked(): { readonly time: HandClock; readonly socket: Duplex; frames: string[]; ends: (string | null)[] } {
    const time = new HandClock();
    const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    const frames: string[] = [];
    const ends: (string | null)[] = [];
    new Link({
      ...{ socket, clock: time.clock, timers: time.timers },
      inService: () => true,
      onFrame: ({ type }) => void frames.push(type),
      onRoom: () => {},
      onEnd: (broken) => void ends.push(broken),
    });
    return { time, socket, frames, ends };
  }

  it('reads the greeting that came meanwhile', async () => {
    const { time, socket, frames, ends } = linked();
    time.advance(10 * limits.peer_handshake_ms);
    socket.push(encodeFrame(HELLO));
    await turn();
    assert.deepEqual([frames, ends], [['hello'], []]);
    socket.destroy();
    await turn();
    assert.equal(time.waiting, 0);
  });

  it('still ends a connection on which no greeting comes', async () => {
    const { time, socket, ends } = linked();
    for (let passed_ms = 0; passed_ms < limits.peer_handshake_ms; passed_ms += 10) time.advance(10);
    assert.deepEqual(ends, [`no greeting within ${limits.peer_handshake_ms} ms`]);
    assert.equal(socket.destroyed, true);
    assert.equal(time.waiting, 0);
  });

  it('lets a handshake go on that was under way, and ends it when it is not ended in time', async () => {
    const time = new HandClock();
    const refused: string[] = [];
    const port = await freePort();
    const listener = await listen({
      endpoint: { host: '127.0.0.1', address: null, port },
      timers: time.timers,
      keyOf: () => null,
      onConnection: () => assert.fail('nobody has a key'),
      onRefused: (claimed, reason) => refused.push(`${claimed}: ${reason}`),
    });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.on('close', resolve));
    while (time.waiting === 0) await turn();
    time.advance(10 * limits.peer_handshake_ms);
    assert.deepEqual(refused, []);
    for (let passed_ms = 0; passed_ms < limits.peer_handshake_ms; passed_ms += 10) time.advance(10);
    assert.deepEqual(refused, ['null: the handshake was not ended in time']);
    socket.resume();
    await closed;
    await listener.close();
    // Said once: that it was closed then is no other thing.
    assert.equal(refused.length, 1);
    assert.equal(time.waiting, 0);
  });
});
