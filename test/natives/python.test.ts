/** What `spec/host.md` says is enough for another language: the host in Python beside it is written from it alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type ConfigurationSource, openSpace, type Space } from '../../src/index.ts';

const EXAMPLE = fileURLToPath(new URL('../../spec/examples/host-python/', import.meta.url));

/** Every kind of value that may go to a host. */
const VALUES = `[0, 1, -1, -32, -33, 127, 128, 255, 256, 65536, -129, -40000, 4294967296, 9223372036854775807,
  123456789012345678901234567890n, -1n, 1.5, -2.25, true, false, Nil, "", "ü𝄞", \`rho:x\`, (1, "two"), [[]],
  Set(3, 1, "a"), {"b": 1, "a": {2: "x", 1: "y"}}, "00ff".hexToBytes(), *p, bundle+{*p}, bundle-{*p}]`;

describe('the host in Python', () => {
  let space: Space;
  const said: string[] = [];

  before(async function () {
    const found = spawnSync('python3', ['--version'], { encoding: 'utf8' });
    if (found.status !== 0) {
      assert.equal(process.env['CI'], undefined, 'python3 is needed here');
      console.log('      left out: there is no python3 on this machine');
      this.skip();
    }
    const config = parse(readFileSync(`${EXAMPLE}powerbox.yaml`, 'utf8')) as ConfigurationSource;
    const { words } = config.natives as { readonly words: object };
    space = await openSpace({
      // As it stands there, but that a machine that is busy elsewhere may take its time.
      config: { ...config, natives: { words: { ...words, folder: EXAMPLE, start_ms_max: 120_000 } } },
      onFailure: () => {},
      onHostLine: () => {},
      console: {
        stdout: async (bytes) => void said.push(new TextDecoder().decode(bytes)),
        stderr: async () => {},
        readLine: async () => null,
      },
    });
  });

  after(async () => {
    await space?.close();
  });

  it('serves the contract that stands beside it', async () => {
    const deploy = await space.run(readFileSync(`${EXAMPLE}words.rho`, 'utf8'), { holder: 'alice' });
    const { failures } = await deploy.quiescent();
    assert.equal(failures, 0);
    assert.equal(said.join(''), '[{"be" : 2, "not" : 1, "or" : 1, "to" : 2}, ["hello"]]\n');
  });

  it('gives every kind of value back as it was', async () => {
    const deploy = await space.run(
      `new words(\`native:words\`), p in { for (@back <- words!?("back", ${VALUES})) { @"back"!(back == ${VALUES}) } }`,
      { holder: 'alice' },
    );
    await deploy.quiescent();
    assert.deepEqual(await space.take('back'), [true]);
  });

  it('answers errors with their codes', async () => {
    const deploy = await space.run(
      `new words(\`native:words\`) in {
         for (@("error", one) <- words!?("remember", "two words"); @("error", two) <- words!?("tally", 5)) {
           @"codes"!(one.get("code"), two.get("code"))
         }
       }`,
      { holder: 'alice' },
    );
    await deploy.quiescent();
    assert.deepEqual(await space.take('codes'), ['arguments_invalid', 'arguments_invalid']);
  });

  it('ends with its node', async () => {
    const [host] = space.hosts();
    const pid = Number(host?.where.split(' ')[1]);
    await space.close();
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});
