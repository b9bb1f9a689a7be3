/** What stands under spec/deploy fits the command: its options, its files, its configurations. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkConfiguration } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('operate: deployment', () => {
  it('the unit is one that systemd takes, where systemd is', function () {
    const verify = spawnSync('systemd-analyze', ['verify', join(root, 'spec/deploy/powerbox.service')], {
      encoding: 'utf8',
    });
    if (verify.error !== undefined) this.skip();
    assert.deepEqual([verify.status, verify.stderr], [0, '']);
  });

  it('the unit waits longer than a node takes to close, and does not start again what is wrong', () => {
    const unit = read('spec/deploy/powerbox.service');
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    assert.ok(seconds * 1000 > limits.service_shutdown_ms_default);
    assert.match(unit, /^RestartPreventExitStatus=64 78$/m);
    assert.match(unit, /^ExecStart=\/usr\/bin\/env powerbox serve --config \S+ --data \S+$/m);
  });

  it('unit and image start Node.js with the same options, which it takes from there', () => {
    const options = /^Environment=NODE_OPTIONS=(.*)$/m.exec(read('spec/deploy/powerbox.service'))?.[1] ?? '';
    assert.equal(/^ENV NODE_OPTIONS=(.*)$/m.exec(read('spec/deploy/Dockerfile'))?.[1], options);
    const env = { ...process.env, NODE_OPTIONS: options };
    const said = spawnSync(process.execPath, ['-p', 'process.env.NODE_OPTIONS'], { encoding: 'utf8', env });
    assert.deepEqual([said.status, said.stderr, said.stdout], [0, '', `${options}\n`]);
  });

  it('the image is built of what is there, and starts what the command knows', () => {
    const lines = read('spec/deploy/Dockerfile').split('\n');
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    assert.ok(copied.length >= 4);
    for (const source of copied) assert.ok(existsSync(join(root, source)), source);
    const scripts = JSON.parse(read('package.json')).scripts as Record<string, string>;
    for (const [, script = ''] of read('spec/deploy/Dockerfile').matchAll(/npm run (\w+)/g))
      assert.ok(script in scripts);
    const command = JSON.parse(lines.find((line) => line.startsWith('CMD '))?.slice(4) ?? '[]') as string[];
    assert.deepEqual(command, ['serve', '--config', '/etc/powerbox/powerbox.yaml', '--data', '/data']);
    const { configuration, mistakes } = checkConfiguration(join(root, 'spec/deploy/container.yaml'));
    assert.deepEqual(mistakes, []);
    const port = /:(\d+)$/.exec(configuration?.service?.listen ?? '')?.[1];
    assert.ok(lines.includes(`EXPOSE ${port}`));
    assert.ok(
      lines.some((line) => line.startsWith('HEALTHCHECK') && line.includes(`http://127.0.0.1:${port}/healthz`)),
    );
  });
});
