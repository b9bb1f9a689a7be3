/** What hosts announce: pinned, remembered, answered for when they are not there. And who may reach one by its URL. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { SYSTEM_CHANNELS } from '../../channels/index.ts';
import {
  declareChannel,
  listenHost,
  method,
  type Native,
  readDeclaration,
  t,
  writeDeclaration,
} from '../../src/embedding/host.ts';
import { openSpace } from '../../src/index.ts';
import { FrameReader, FrameWriter } from '../../src/natives/framing.ts';
import { freePort } from '../resolvers/ports.ts';
import { ask, codeOf, KEY, openWith, refusal, threadsLoadTypeScript, until } from './support/hosts.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

function nativeWith(type = t.int(), name = 'example'): Native {
  return {
    declaration: declareChannel({
      name,
      doc: 'A native.',
      methods: {
        add: method({
          doc: 'Adds.',
          effect: 'change',
          recovery: 'repeat',
          forms: [{ args: [{ name: 'n', type }], result: t.nil }],
        }),
      },
    }),
    call: async () => ({ ok: null }),
  };
}

describe('what a host announces', () => {
  threadsLoadTypeScript();
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-announce-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('can be written and read again for every declaration that has methods and takes no process', () => {
    for (const declaration of SYSTEM_CHANNELS) {
      if (declaration.kind === 'plain' || declaration.name === 'text' || declaration.name === 'revoker') continue;
      const written = writeDeclaration(declaration);
      assert.deepEqual(
        writeDeclaration(readDeclaration(JSON.parse(JSON.stringify(written)))),
        written,
        declaration.name,
      );
    }
  });

  it('against what is pinned: a difference is an error at start that shows both sides', async () => {
    const pin = join(directory, 'pinned.json');
    const listening = await listenHost({ natives: [nativeWith(t.string())] }, { key: KEY });
    try {
      writeFileSync(pin, JSON.stringify(writeDeclaration(nativeWith().declaration)));
      const { code, message } = await refusal(openWith({ url: listening.url, key: KEY, declaration: pin }));
      assert.equal(code, 'host_mismatch');
      assert.match(
        message,
        /example\.add: \(int\) answers nil \[change, repeat\] is expected, \(string\) answers nil \[change, repeat\] is announced/,
      );
      writeFileSync(pin, JSON.stringify(writeDeclaration(nativeWith(t.string()).declaration)));
      await (await openWith({ url: listening.url, key: KEY, declaration: pin })).close();
      writeFileSync(pin, '{"name": "example"}');
      assert.equal(
        (await refusal(openWith({ url: listening.url, key: KEY, declaration: pin }))).code,
        'config_invalid',
      );
    } finally {
      await listening.close();
    }
  });

  it('must be the native that is configured, and none that is there already', async () => {
    for (const natives of [[nativeWith(t.int(), 'other')], [nativeWith(), nativeWith(t.int(), 'directory')]]) {
      const listening = await listenHost({ natives }, { key: KEY });
      const { code } = await refusal(openWith({ url: listening.url, key: KEY, required: true }));
      await listening.close();
      assert.equal(code, 'host_mismatch');
    }
  });

  it('is remembered: a node without the host reads its calls, and answers that it has none', async () => {
    const data = join(directory, 'space');
    const native = { module: here('./support/example.ts') };
    const first = await openWith(native, { data });
    assert.equal(await ask(first, 'ex!?("add", 1, 2)'), 3);
    await first.produce('kept', [1]);
    const deploy = await first.run('new ex(`native:example`) in { @"ex"!(*ex) }', { holder: 'alice' });
    await deploy.quiescent();
    await first.close();
    const second = await openSpace({ data, onFailure: () => {} });
    try {
      const later = await second.run(
        `for (ex <- @"ex") { for (@one <- ex!?("add", 1, 2)) { @"one"!(one) } | for (@two <- ex!?("nope")) { @"two"!(two) } }`,
      );
      await later.quiescent();
      const codes = await Promise.all(
        ['one', 'two'].map(
          async (channel) => ((await second.take(channel)) as unknown as [[string, { code: string }]])[0][1].code,
        ),
      );
      assert.deepEqual(codes, ['not_available', 'method_unknown']);
      assert.deepEqual(await second.take('kept'), [1]);
    } finally {
      await second.close();
    }
  });

  it('may change between two lives of a node, and not within one', async () => {
    const first = await listenHost({ natives: [nativeWith()] }, { key: KEY, port: await freePort() });
    const { port } = new URL(first.url);
    const space = await openWith({ url: first.url, key: KEY, required: true });
    await first.close();
    const second = await listenHost({ natives: [nativeWith(t.string())] }, { key: KEY, port: Number(port) });
    try {
      await until(
        () => /announces? what it announced before|does not announce/.test(space.hosts()[0]?.reason ?? ''),
        'the other interface is refused',
      );
      assert.equal(await codeOf(space, 'ex!?("add", 1)'), 'not_available');
      await space.close();
      const again = await openWith({ url: second.url, key: KEY, required: true });
      assert.equal(await ask(again, 'ex!?("add", "one")'), null);
      await again.close();
    } finally {
      await space.close();
      await second.close();
    }
  });

  it('of a module that is inline is computed in the turn; anything else is refused, as is a module without a native', async () => {
    const inline = join(directory, 'inline.mts');
    const source = (effect: string): string =>
      `import { declareChannel, method, t } from ${JSON.stringify(here('../../src/embedding/host.ts'))};
       export const native = {
         declaration: declareChannel({ name: 'example', doc: 'Doubles.', methods: {
           double: method({ doc: 'Doubles.', effect: '${effect}', forms: [{ args: [{ name: 'n', type: t.int() }], result: t.int() }] }),
         } }),
         inline: ({ args }) => ({ ok: args[0] * 2 }),
         call: async ({ args }) => ({ ok: args[0] * 2 }),
       };`;
    writeFileSync(inline, source('none'));
    const space = await openWith({ module: inline, inline: true });
    assert.equal(await ask(space, 'ex!?("double", 21)'), 42);
    await space.close();
    const looks = join(directory, 'looks.mts');
    writeFileSync(looks, source('observe'));
    assert.match(
      (await refusal(openWith({ module: looks, inline: true }))).message,
      /its method double has effect observe/,
    );
    const empty = join(directory, 'empty.mts');
    writeFileSync(empty, 'export const nothing = 1;');
    assert.match((await refusal(openWith({ module: empty }))).message, /this one exports nothing/);
  });
});

describe('a host at a URL', () => {
  it('serves nobody without a token that was signed with its key, for its native, and not too long ago', async () => {
    const listening = await listenHost({ natives: [nativeWith()] }, { key: KEY });
    try {
      const wrong = await refusal(openWith({ url: listening.url, key: KEY.replace('key', 'kex'), required: true }));
      assert.match(wrong.message, /it refuses the token \(401\)/);
      const garbage = await refusal(openWith({ url: listening.url, token: 'not.a.token', required: true }));
      assert.match(garbage.message, /it refuses the token \(401\)/);
      // alg none, and one that has expired.
      const part = (data: object): string => Buffer.from(JSON.stringify(data)).toString('base64url');
      const unsigned = `${part({ alg: 'none' })}.${part({ aud: 'powerbox-host', sub: 'example' })}.`;
      assert.match((await refusal(openWith({ url: listening.url, token: unsigned, required: true }))).message, /401/);
      const socket = new WebSocket(listening.url, ['powerbox-host.1']);
      const status = await new Promise((resolve) => {
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
        socket.on('error', () => {});
      });
      assert.equal(status, 401);
    } finally {
      await listening.close();
    }
  });

  it('outlives whoever goes away while it is judged, and leaves with nobody who is', async () => {
    const listening = await listenHost({ natives: [nativeWith()] }, { key: KEY });
    const { port } = new URL(listening.url);
    const upgrade = [
      ...['GET / HTTP/1.1', 'Host: here', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Authorization: Bearer not.a.token', '', ''],
    ].join('\r\n');
    const dial = async (): Promise<Socket> => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    for (let times = 0; times < 100; times++) {
      const socket = await dial();
      socket.write(upgrade);
      // Some of them before the token has been looked at.
      for (let turns = 0; turns < times % 5; turns++) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    const last = await dial();
    const ended = once(last, 'close');
    last.write(upgrade);
    const space = await openWith({ url: listening.url, key: KEY, required: true });
    await space.close();
    last.resume();
    await listening.close();
    await ended;
  });

  it('that does not answer is given up when its time is over, however far the connection has come', async () => {
    // It takes connections, and says nothing on them.
    const mute = createServer(() => {});
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    try {
      const { port } = mute.address() as AddressInfo;
      const native = { url: `ws://127.0.0.1:${port}/`, key: KEY, required: true, start_ms_max: 300 };
      assert.match((await refusal(openWith(native))).message, /it has not answered within 300 ms/);
    } finally {
      mute.close();
    }
  });

  it('does not listen beyond this machine without a certificate, nor with a short key', async () => {
    await assert.rejects(listenHost({ natives: [nativeWith()] }, { key: KEY, host: '0.0.0.0' }), {
      code: 'config_invalid',
    });
    await assert.rejects(listenHost({ natives: [nativeWith()] }, { key: 'short' }), { code: 'config_invalid' });
  });
});

describe('frames of a child', () => {
  const SECRET = new Uint8Array(32).fill(5);

  it('arrive whole and in order however they are cut, and what has no tag of theirs is dropped and counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ payload: fc.uint8Array({ maxLength: 300 }), forged: fc.boolean() }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 }),
        (frames, cuts) => {
          const arrived: Uint8Array[] = [];
          const reader = new FrameReader(SECRET, 'from-host', 200, (arrival) =>
            arrived.push(arrival.kind === 'frame' ? arrival.bytes : new Uint8Array([arrival.bytes % 256])),
          );
          const [writer, forger] = [new FrameWriter(SECRET, 'from-host'), new FrameWriter(SECRET, 'from-node')];
          const whole = Buffer.concat(frames.map(({ payload, forged }) => (forged ? forger : writer).frame(payload)));
          for (let at = 0, index = 0; at < whole.length; index++) {
            const length = cuts[index % cuts.length] as number;
            reader.push(whole.subarray(at, at + length));
            at += length;
          }
          const expected = frames
            .filter(({ forged }) => !forged)
            .map(({ payload }) => (payload.length > 200 ? new Uint8Array([payload.length % 256]) : payload));
          assert.deepEqual(
            arrived.map((bytes) => [...bytes]),
            expected.map((bytes) => [...bytes]),
          );
          assert.equal(reader.dropped, frames.length - expected.length);
        },
      ),
    );
  });

  it('that are sent a second time are dropped', () => {
    const arrived: unknown[] = [];
    const reader = new FrameReader(SECRET, 'from-host', 200, (arrival) => arrived.push(arrival));
    const frame = new FrameWriter(SECRET, 'from-host').frame(new Uint8Array([1]));
    reader.push(frame);
    reader.push(frame);
    assert.deepEqual([arrived.length, reader.dropped], [1, 1]);
  });
});
