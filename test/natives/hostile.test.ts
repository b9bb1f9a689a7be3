/** Whatever a host says, it costs at most the call that it belongs to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { HostSession } from '../../src/natives/serve.ts';
import type { Space } from '../../src/index.ts';
import { program } from '../crash/build.ts';
import { codeOf, FORMS, KEY, openWith, threadsLoadTypeScript } from './support/hosts.ts';
import { hostile } from './support/hostile.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** What each is answered: 7 is what the host answers when it is done with its tricks. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  fine: 7,
  garbage: 'native_failed',
  oversized: 'native_failed',
  twice: 1,
  unasked: 7,
  noise: 7,
  raw: 'native_failed',
  forged: 'native_failed',
  alien: 'native_failed',
  odd: 'native_failed',
  flood: 7,
};

for (const form of FORMS)
  describe(`a hostile host as ${form}`, () => {
    threadsLoadTypeScript();
    let server: WebSocketServer | null = null;
    let port = 0;
    let space: Space;

    before(async () => {
      if (form === 'url') {
        server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
        server.on('connection', (socket) => {
          const send = (bytes: Uint8Array): void => socket.send(bytes);
          const session = new HostSession(
            { natives: [hostile(send)] },
            {
              send,
              dropped: () => 0,
              memory_bytes: () => 0,
              onStop: () => socket.close(),
              onRefused: () => socket.close(),
            },
          );
          socket.on('message', (data) => session.arrived({ kind: 'frame', bytes: data as Buffer }));
        });
        await once(server, 'listening');
        ({ port } = server.address() as AddressInfo);
      }
      const native =
        form === 'module'
          ? { module: here('./support/hostile-module.ts') }
          : form === 'command'
            ? { command: [process.execPath, ...program('hostile')], folder: here('.') }
            : { url: `ws://127.0.0.1:${port}`, key: KEY, required: true };
      space = await openWith({ ...native, message_bytes_max: 50_000 });
    });

    after(async () => {
      await space.close();
      await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
    });

    for (const [name, expected] of Object.entries(ANSWERS))
      it(`${name} is answered ${String(expected)}, and the next call as ever`, async () => {
        assert.equal(await codeOf(space, `ex!?("${name}")`), expected);
        assert.equal(await codeOf(space, 'ex!?("fine")'), 7);
      });

    it('has been there all the time, and what it said beside is counted', () => {
      const [host] = space.hosts();
      assert.equal(host?.restarts, 0);
      assert.ok((host?.garbage ?? 0) > 20_000);
      assert.ok(form === 'command' ? (host?.dropped ?? 0) > 20_000 : host?.dropped === 0);
    });
  });
