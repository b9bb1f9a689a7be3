/** The client in a real browser, from its one file, against a real service that is stopped and started again. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { bundleClient } from '../../scripts/bundle-client.mjs';
import type * as Client from '../../src/client/index.ts';
import { openSpace, type Space } from '../../src/embedding/index.ts';
import { createService, type Route, type RunningService } from '../../src/service/index.ts';
import { freePort } from '../resolvers/ports.ts';
import { BY_NAME } from '../service/support.ts';

const CHROMIUM = '/usr/bin/chromium';
/** On a machine that is busy with other tests. */
const PATIENCE_MS = 240_000;

/** What the pages below have as globals. */
declare global {
  var powerbox: typeof Client;
  var box: Client.Box;
  var states: string[];
  var document: { readonly title: string };
  var location: { readonly origin: string };
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>powerbox</title><script type="module">
  globalThis.powerbox = await import('/client.js');
  document.title = 'ready';
</script>`;

describe('the client in a browser', function () {
  this.timeout(300_000);
  let folder = '';
  let space: Space;
  let service: RunningService;
  let browser: Browser;
  let page: Page;
  let routes: readonly Route[];

  const open = async (port: number): Promise<void> => {
    space = await openSpace({
      data: join(folder, 'data'),
      grants: { stdio: false },
      config: {
        version: 1,
        powers: { files: { kind: 'files', root: join(folder, 'files') }, clock: { kind: 'timer' } },
        holders: { alice: { grants: ['files', 'clock'] } },
      },
    });
    service = await createService({
      spaces: { get: () => space },
      auth: BY_NAME,
      listen: { host: '127.0.0.1', port },
      publicNames: true,
      routes,
    });
  };

  before(async function () {
    if (!existsSync(CHROMIUM)) {
      console.log(`      skipped: there is no ${CHROMIUM} (install the package chromium)`);
      if (process.env['CI'] === 'true') throw new Error(`${CHROMIUM} must be there in CI`);
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'powerbox-browser-'));
    mkdirSync(join(folder, 'files'));
    const { code } = await bundleClient();
    const file = (path: string, type: string, body: string | Uint8Array): Route => ({
      method: 'GET',
      path,
      handle: () => ({ status: 200, headers: { 'content-type': type }, body }),
    });
    routes = [file('/', 'text/html', PAGE), file('/client.js', 'text/javascript', code)];
    await open(await freePort());
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      timeout: PATIENCE_MS,
    });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(service.address.url.replace('ws:', 'http:'));
    await page.waitForFunction(() => document.title === 'ready');
    await page.evaluate(async () => {
      const url = location.origin.replace('http', 'ws');
      globalThis.box = await powerbox.connect(url, { token: 'alice', backoff_ms: 20, backoff_ms_max: 100 });
      globalThis.states = [];
      box.on('state', ({ state }) => states.push(state));
    });
  });

  after(async () => {
    await browser?.close();
    await service?.close();
    await space?.close();
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('deploys a program and calls it', async () => {
    const answer = await page.evaluate(async () => {
      const name = await box.newName();
      await box.deploy('new it(`app:it`) in { contract it(@"double", @x, ret) = { ret!(x + x) } }', {
        uris: { 'app:it': name },
      });
      return box.object<{ double(x: number): number }>(name).double(21);
    });
    assert.equal(answer, 42);
  });

  it('writes a file with a chain of calls that leaves as one frame', async () => {
    const frames = await page.evaluate(async () => {
      let sent = 0;
      const original = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) {
        sent++;
        original.call(this, data);
      };
      try {
        const written = box.fileSystem().resolve('page.txt').write('from a page');
        // Before any event of the page: what comes may set off more.
        for (let turn = 0; turn < 20; turn++) await null;
        const asked = sent;
        await written;
        return asked;
      } finally {
        WebSocket.prototype.send = original;
      }
    });
    assert.equal(readFileSync(join(folder, 'files/page.txt'), 'utf8'), 'from a page');
    assert.equal(frames, 1);
  });

  it('hears errors with their codes', async () => {
    const error = await page.evaluate(async () => {
      try {
        await box.fileSystem().resolve('../x').size();
        return null;
      } catch (caught) {
        const { code, channel, method } = caught as Client.RemoteError;
        return { known: powerbox.isRemoteError(caught), code, channel, method };
      }
    });
    assert.deepEqual(error, { known: true, code: 'path_refused', channel: 'directory', method: 'resolve' });
  });

  it('goes on with its session after the service was stopped and started', async () => {
    const { port } = service.address;
    // Waits over the restart, and is answered after it.
    const waiting = page.evaluate(() => box.consume([{ channel: 'after' }]));
    await page.evaluate(() => box.produce('before', ['kept']));
    await service.close();
    await space.close();
    await page.waitForFunction(() => states.includes('reconnecting'));
    const sent = page.evaluate(() => box.produce('after', ['sent while nobody was there']));
    await open(port);
    await sent;
    assert.deepEqual(await waiting, [['sent while nobody was there']]);
    assert.deepEqual(await page.evaluate(() => box.take('before')), ['kept']);
    const state = await page.evaluate(() => box.state);
    assert.ok(state.state === 'connected' && state.resumed);
    assert.equal(await page.evaluate(async () => box.fileSystem().resolve('page.txt').readAll('utf8')), 'from a page');
  });
});
