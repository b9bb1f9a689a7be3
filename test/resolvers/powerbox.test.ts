/** The system process and the standard streams, over the natives that really answer. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { readNativeEnvironment } from '../../channels/index.ts';
import { powerboxChannel, uris } from '../../src/capability/index.ts';
import type { Power } from '../../src/capability/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { Resolvers, streamConsole } from '../../resolvers/index.ts';
import type { Console } from '../../resolvers/index.ts';
import { Bundle, MapValue, bytes } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { FakeTurn } from '../capability/turn.ts';
import { Host, makeDirectory } from './host.ts';
import type { TestObject } from './host.ts';

class Site {
  readonly written: string[] = [];
  readonly input = new PassThrough();
  readonly space = new FakeTurn();
  readonly resolvers: Resolvers;
  readonly #host: Host;

  constructor() {
    const into = (stream: string): Writable =>
      new Writable({
        write: (chunk: Buffer, _, done) => {
          this.written.push(`${stream}:${chunk.toString()}`);
          done();
        },
      });
    const console: Console = streamConsole({ stdout: into('out'), stderr: into('err'), stdin: this.input });
    this.resolvers = new Resolvers({ console, platform: realPlatform(), show: (value) => JSON.stringify(value) });
    this.#host = new Host(this.resolvers.natives);
  }

  behind(channel: Value | undefined): TestObject {
    assert(channel instanceof Bundle);
    const { native, handle } = readNativeEnvironment(this.space.at(channel.body)?.environment ?? []);
    return this.#host.object(native, handle);
  }

  async box(grants: readonly Power[]): Promise<TestObject> {
    await this.resolvers.grant('main', grants);
    return this.behind(powerboxChannel(this.space.turn, 'main', grants));
  }
}

const STDIO: Power = { kind: 'stdio' };
const files = (name: string, root: string, readOnly = false): Power => ({
  kind: 'files',
  name,
  root,
  readOnly,
  below: '',
  acceptWeakConfinement: false,
});

describe('the system process', () => {
  it('prints strings and bytes as they are, and a newline', async () => {
    const site = new Site();
    const box = await site.box([STDIO]);
    await box.call('print', 'Hello, "World"!');
    await box.call('print', bytes(Buffer.from('bytes')));
    await site.behind(await box.call('stderr')).call('write', 'no newline');
    assert.deepEqual(site.written, ['out:Hello, "World"!\n', 'out:bytes\n', 'err:no newline']);
  });

  it('hands out directories by name, the usual one without', async () => {
    const site = new Site();
    const [one, two] = [await makeDirectory(), await makeDirectory()];
    const box = await site.box([files('docs', one, true), files('files', two)]);
    const usual = site.behind(await box.call('fileSystem'));
    await (await usual.resolve('resolve', 'a')).call('write', 'x');
    const docs = site.behind(await box.call('fileSystem', 'docs'));
    assert.match(
      await (await docs.resolve('resolve', 'a')).refusal('write', 'x'),
      /^not_available: .*for reading only/,
    );
    assert.match(await docs.refusal('mkdir', 'd'), /^not_available/);
    await site.resolvers.close();
    await rm(one, { recursive: true });
    await rm(two, { recursive: true });
  });

  it('says of what was not granted that it was not, and what it holds', async () => {
    const box = await new Site().box([]);
    assert.match(
      await box.refusal('print', 'x'),
      /^not_available: print was not granted to this powerbox; it holds methods$/,
    );
    for (const method of ['stdout', 'stderr', 'stdin', 'fileSystem'])
      assert.match(await box.refusal(method), /^not_available/);
    assert.match(
      await (await new Site().box([STDIO])).refusal('fileSystem', 'x'),
      /fileSystem "x".*it holds print, stdout/,
    );
  });

  it('tells what it holds, with documentation', async () => {
    const box = await new Site().box([STDIO]);
    const held = await box.call('methods');
    assert(held instanceof MapValue);
    assert.deepEqual(held.keys, ['methods', 'print', 'stderr', 'stdin', 'stdout']);
    const print = held.items[1];
    assert(print instanceof MapValue);
    assert.deepEqual(print.keys, ['doc', 'effect', 'forms']);
  });

  it('whose grants were taken back answers not_available on every channel it handed out', async () => {
    const site = new Site();
    const root = await makeDirectory();
    const box = await site.box([STDIO, files('files', root)]);
    const [directory, stdout] = [site.behind(await box.call('fileSystem')), site.behind(await box.call('stdout'))];
    const file = await directory.resolve('resolve', 'a');
    site.resolvers.revoke('main');
    assert.match(await file.refusal('readAll'), /^not_available/);
    assert.match(await directory.refusal('list'), /^not_available/);
    assert.match(await stdout.refusal('print', 'x'), /^not_available/);
    assert.match(await box.refusal('print', 'x'), /^not_available/);
    assert.deepEqual(site.written, []);
    await site.resolvers.close();
    await rm(root, { recursive: true });
  });

  it('is refused two directories that lie within each other', async () => {
    const site = new Site();
    const root = await makeDirectory();
    await assert.rejects(site.box([files('a', root), files('b', `${root}/..`)]), { code: 'config_invalid' });
    await assert.rejects(site.box([files('a', `${root}/missing`)]), { code: 'config_invalid' });
    await site.resolvers.close();
    await rm(root, { recursive: true });
  });
});

describe('standard output', () => {
  it('prints values in the syntax of the language on the plain channels', async () => {
    const site = new Site();
    await site.box([STDIO]);
    const bound = uris(site.space.turn, 'main', [STDIO]);
    await site.behind(bound.get('rho:io:stdout')).call('', 'text');
    await site.behind(bound.get('rho:io:stderr')).call('', 7);
    assert.deepEqual(site.written, ['out:"text"\n', 'err:7\n']);
  });
});

describe('standard input', () => {
  it('gives each call one line, and Nil at the end', async () => {
    const site = new Site();
    const box = await site.box([STDIO]);
    const input = site.behind(await box.call('stdin'));
    const both = Promise.all([input.call('readLine'), input.call('readLine')]);
    site.input.write('one\ntw');
    site.input.end('o\r\nlast');
    assert.deepEqual(await both, ['one', 'two']);
    assert.equal(await input.call('readLine'), 'last');
    assert.equal(await input.call('readLine'), null);
  });

  it('gives no line to a call that has left', async () => {
    const site = new Site();
    const box = await site.box([STDIO]);
    const input = site.behind(await box.call('stdin'));
    const left = new AbortController();
    const waiting = input.run({ ...input.prepare('readLine', []), signal: left.signal });
    left.abort();
    assert.equal('error' in (await waiting) && 'cancelled', 'cancelled');
    site.input.write('line\n');
    assert.equal(await input.call('readLine'), 'line');
  });
});
