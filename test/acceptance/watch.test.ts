/** The example for operators, as one would run it: configured, killed, resumed, looked at. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Bench } from '../cli/powerbox.ts';
import { freePort } from '../resolvers/ports.ts';

const example = fileURLToPath(new URL('../../spec/examples/watch/', import.meta.url));

/** What the node says to whoever connects; null while its port is not open. */
function said(port: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let heard = '';
    connect(port, '127.0.0.1')
      .setEncoding('utf8')
      .on('data', (text: string) => {
        heard += text;
      })
      .on('end', () => resolve(heard))
      .on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') resolve(null);
        else reject(error);
      });
  });
}

/** The port opens beside what the program does, also when it goes on. */
async function hear(port: number): Promise<string> {
  for (;;) {
    const heard = await said(port);
    if (heard !== null) return heard;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('acceptance: the node that watches a page', function () {
  this.timeout(300_000);
  let bench: Bench;
  let page: Server;
  let asked: number;
  let door: number;

  before(async () => {
    bench = new Bench();
    asked = 0;
    page = createServer((_request, response) => {
      asked++;
      response.end('up');
    });
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    door = await freePort();
    const ports: Readonly<Record<string, number>> = { 8080: (page.address() as AddressInfo).port, 7070: door };
    const text = readFileSync(`${example}powerbox.yaml`, 'utf8').replace(
      /\b(8080|7070)\b/g,
      (port) => `${ports[port]}`,
    );
    // Whoever waits for an answer on a machine that stands still for a while has one all the same.
    const patient = text.replace('whole_ms_max: 2000', 'whole_ms_max: 29000');
    assert.notEqual(patient, text);
    bench.write('powerbox.yaml', patient.replace('period_ms: 1000', 'period_ms: 100'));
    copyFileSync(`${example}watch.rho`, bench.path('watch.rho'));
    mkdirSync(bench.path('log'));
  });
  after(() => {
    bench.clear();
    page.close();
  });

  const lines = (): string[] => readFileSync(bench.path('log/watch.log'), 'utf8').trimEnd().split('\n');

  it('asks, logs each answer once and answers whoever connects, also after a kill', async () => {
    const first = bench.start('run', '--config', 'powerbox.yaml', '--data', 'space');
    await first.says('watching http://127.0.0.1');
    while (asked < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(await hear(door), /^asked \d+ times, last: (200|not asked yet)\n$/);
    first.child.kill('SIGKILL');
    await first.ended;
    const before = asked;
    const second = bench.start('resume', '--data', 'space');
    while (asked < before + 3) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(await hear(door), /^asked \d+ times, last: 200\n$/);
    second.child.kill('SIGTERM');
    const { code, stderr } = await second.ended;
    assert.equal(code, 75, stderr);
    assert.match(stderr, /tcpListener: may still send to/);
    const numbers = lines().map((line) => Number(line.split(' ')[0]));
    assert.deepEqual([...new Set(numbers)], numbers);
    assert.ok(lines().every((line) => /^\d+ (200|net_failed)$/.test(line)));
  });

  it('says who did what in the audit', async () => {
    const { code, stdout } = await bench.run('audit', '--data', 'space', '--grant', 'watcher/page', '--json');
    assert.equal(code, 0);
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.ok(records.length >= 3);
    assert.ok(records.every(({ method }) => method === 'resolve' || method === 'get'));
  });
});
