/**
 * Plays the dispatcher to natives, for tests of natives alone: checks a message, calls, keeps the state of
 * each object, puts real objects in the place of new ones. It keeps no journal; those laws are tested there.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Later, NewChannel, NewMap, NewObject, NewSource, parseCall, resultMismatch } from '../../channels/index.ts';
import type { Made, Native, NativeAnswer, NativeCall } from '../../channels/index.ts';
import type { Value } from '../../src/values/index.ts';
import { fileHandle } from '../../src/capability/index.ts';
import { TestSource } from './source.ts';
import { FileTree, directoryNative, fileNative } from '../../resolvers/index.ts';
import type { FileGrant, FileTreeOptions } from '../../resolvers/index.ts';
import { realPlatform } from '../../src/platform/index.ts';

export class Host {
  readonly natives = new Map<string, Native>();

  constructor(natives: readonly Native[]) {
    for (const native of natives) this.natives.set(native.declaration.name, native);
  }

  object(native: string, handle: Value, state?: Value): TestObject {
    const found = this.natives.get(native);
    assert(found !== undefined, `no native ${native}`);
    return new TestObject(this, found, handle, state);
  }

  /** What an answer or an arrival handed out, behind a channel of its own. */
  made(thing: unknown): TestObject {
    assert(thing instanceof NewObject);
    return this.object(thing.native, thing.handle, thing.state);
  }

  open(source: unknown, resumed = false): TestSource {
    assert(source instanceof NewSource);
    const native = this.natives.get(source.native);
    assert(native?.open !== undefined, `${source.native} opens no sources`);
    const open = new TestSource(source, resumed);
    native.open(open);
    return open;
  }
}

/** As the dispatcher asks a native for what is more than computing. */
export function asked(native: Native, call: NativeCall): Promise<NativeAnswer> | undefined {
  if (native.begin === undefined) return native.call?.(call);
  return new Promise((resolve) => native.begin?.(call, resolve));
}

export class TestObject {
  constructor(
    readonly host: Host,
    readonly native: Native,
    readonly handle: Value,
    public state: Value | undefined,
  ) {}

  prepare(method: string, args: readonly Value[], effectId: Uint8Array = randomBytes(32)): NativeCall {
    const parsed = parseCall(
      this.native.declaration,
      this.native.declaration.kind === 'plain' ? args : [method, ...args],
    );
    if (!parsed.ok) assert.fail(`${parsed.code}: ${parsed.message}`);
    const { form } = parsed;
    return {
      method: parsed.method.name,
      form,
      args: parsed.args,
      effectId,
      account: 1,
      handle: this.handle,
      state: this.state,
    };
  }

  async answer(method: string, ...args: Value[]): Promise<NativeAnswer> {
    return this.run(this.prepare(method, args));
  }

  async run(call: NativeCall): Promise<NativeAnswer> {
    const method = this.native.declaration.methods.get(call.method);
    const answer = method?.effect === 'none' ? this.native.inline?.(call) : await asked(this.native, call);
    assert(answer !== undefined, 'a native must answer');
    if ('ok' in answer) {
      const form = method?.forms[call.form];
      assert(form !== undefined);
      assert.equal(resultMismatch(form, answer.ok), null);
      if (answer.state !== undefined) this.state = answer.state;
    }
    return answer;
  }

  async call(method: string, ...args: Value[]): Promise<Value> {
    const answer = await this.answer(method, ...args);
    if ('error' in answer) assert.fail(`${answer.error.code}: ${answer.error.message}`);
    const { ok } = answer;
    assert(!(ok instanceof NewObject || ok instanceof NewChannel || ok instanceof NewSource));
    assert(!(ok instanceof NewMap || ok instanceof Later));
    return ok;
  }

  async resolve(method: string, ...args: Value[]): Promise<TestObject> {
    const answer = await this.answer(method, ...args);
    if ('error' in answer) assert.fail(`${answer.error.code}: ${answer.error.message}`);
    assert(answer.ok instanceof NewObject);
    return this.host.object(answer.ok.native, answer.ok.handle, answer.ok.state);
  }

  /** A call that answers a source, or of which the reply comes later through one. */
  async source(method: string, ...args: Value[]): Promise<TestSource> {
    const answer = await this.answer(method, ...args);
    if ('error' in answer) assert.fail(`${answer.error.code}: ${answer.error.message}`);
    return this.host.open(answer.ok instanceof Later ? answer.ok.source : answer.ok);
  }

  /** A call that answers a map with new things in it. */
  async map(method: string, ...args: Value[]): Promise<ReadonlyMap<string, Made>> {
    const answer = await this.answer(method, ...args);
    if ('error' in answer) assert.fail(`${answer.error.code}: ${answer.error.message}`);
    assert(answer.ok instanceof NewMap);
    return new Map(answer.ok.entries);
  }

  async refusal(method: string, ...args: Value[]): Promise<string> {
    const answer = await this.answer(method, ...args);
    if ('ok' in answer) assert.fail('an error was expected');
    return `${answer.error.code}: ${answer.error.message}`;
  }
}

export function textOf(value: Value): string {
  assert(value !== null && typeof value === 'object' && 'bytes' in value);
  return Buffer.from(value.bytes).toString('utf8');
}

/** A directory of its own for a test, gone afterwards, and a root directory object over it. */
export interface Granted {
  readonly directory: string;
  readonly tree: FileTree;
  readonly root: TestObject;
  file(path: string): Promise<TestObject>;
  close(): Promise<void>;
}

export async function makeDirectory(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'powerbox-test-')));
}

export async function grantFiles(
  options: Partial<FileTreeOptions & Pick<FileGrant, 'allotted' | 'below'>> & { readonly grantReadOnly?: boolean } = {},
): Promise<Granted> {
  const directory = options.root ?? (await makeDirectory());
  const { timers } = realPlatform();
  const tree = await FileTree.open({ timers, ...options, root: directory });
  const { below = [], allotted = { bytes: null, entries: null } } = options;
  const readOnly = tree.readOnly || options.grantReadOnly === true;
  const grants = new Map([['files', { tree, readOnly, below, allotted }]]);
  const root = new Host([directoryNative(grants), fileNative(grants)]).object('directory', fileHandle('files', below));
  return {
    directory,
    tree,
    root,
    file: (path) => root.resolve('resolve', path),
    async close() {
      await tree.close();
      if (options.root === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}
