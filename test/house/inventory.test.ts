/**
 * House rule: every native acts under the grant that its handle names, and under nothing else. Each method of each
 * native that the resolvers have is called in each of its forms, with arguments made from its declaration, on a
 * handle whose grant is not there; and on handles that no native ever wrote. A new native is held to it unasked.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { NewObject, NewSource, parseCall } from '../../channels/index.ts';
import type { ChannelDeclaration, Form, Method, NativeAnswer, NativeCall, Type } from '../../channels/index.ts';
import { Resolvers } from '../../resolvers/index.ts';
import { peersConfig, powerHandle, readGrants } from '../../src/capability/index.ts';
import type { Native } from '../../src/natives/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { BigInteger, Bytes, bundle, float, list, map, Name, Send, set, tuple, uri } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { secretOf } from '../resolvers/peers/support/nodes.ts';
import { freePorts } from '../resolvers/ports.ts';
import { asked, makeDirectory } from '../resolvers/host.ts';
import { TestSource } from '../resolvers/source.ts';

const GONE = 'nobody/gone';

/**
 * What only computes, or only makes a handle: it reaches nothing, so it may answer without a grant. What it hands out
 * is held to the rule by itself.
 */
const REACH_NOTHING: Readonly<Record<string, string>> = {
  text: 'pure functions of strings',
  crypto: 'hashes and signatures, of their arguments alone',
  sha256Hash: 'as crypto',
  keccak256Hash: 'as crypto',
  blake2b256Hash: 'as crypto',
  ed25519Verify: 'as crypto',
  secp256k1Verify: 'as crypto',
  load: 'answers not_available whoever asks',
};

/** Methods that need no grant, for they hand out a handle under the same one, or only give something up. */
const NEED_NO_GRANT: Readonly<Record<string, string>> = {
  'tcpClient.resolve': 'a handle of the same grant with a port in it',
  'directory.resolve': 'a handle of the same grant with a path in it',
  'tcpListener.close': 'ends the source behind a channel that its caller holds',
};

/** The forms in which natives write the id of a grant into their handles. */
function handlesOf(channel: string, grant: string): readonly Value[] {
  switch (channel) {
    case 'stdout':
    case 'stdoutAck':
    case 'stderr':
    case 'stderrAck':
      return [grant];
    case 'input':
      return [`stdin ${grant}`];
    case 'output':
      return [`stdout ${grant}`, `stderr ${grant}`];
    case 'httpResource':
      return [powerHandle(grant, 'http://127.0.0.1/'), powerHandle(grant, 'https://localhost/a?b')];
    default:
      return [powerHandle(grant), powerHandle(grant, 'a'), powerHandle(grant, 'a', 'b')];
  }
}

/** What somebody else is granted, by name. */
const POWERS = ['stdio', 'files', 'http', 'tcp', 'udp', 'timer', 'random', 'crypto', 'hardware', 'peers'];

const GARBAGE: readonly Value[] = [
  null,
  true,
  0,
  2n ** 62n,
  '',
  ' ',
  'operator',
  'operator/files',
  '../operator/files',
  list([]),
  list([null]),
  list([list(['operator/files'])]),
  tuple(['operator/files', 'a']),
  map([['grant', 'operator/files']]),
  map([['powers', list([list([1, 2, 3])])]]),
  new Bytes(new Uint8Array(64)),
  new Name(null, 0, 0, new Uint8Array(32)),
];

const name = bundle(new Name(null, 0, 0, new Uint8Array(32).fill(1)), false, true);

/** A value of a type: of `either` the choice that `turn` says. */
function exampleOf(type: Type, turn: number): Value {
  const { min } = type;
  const size = Math.max(1, min ?? 1);
  switch (type.word) {
    case 'nil':
      return null;
    case 'bool':
      return true;
    case 'int':
      return min ?? Math.min(1, type.max ?? 1);
    case 'bigint':
      return new BigInteger(1n);
    case 'float':
      return float(1.5);
    case 'string':
      return type.values?.[turn % type.values.length] ?? 'a'.repeat(size);
    case 'bytes':
      return new Bytes(new Uint8Array(size));
    case 'uri':
      return uri('http://localhost/');
    case 'list':
      return list(type.items === null || min === null ? [] : Array(size).fill(exampleOf(type.items, turn)));
    case 'tuple':
      return tuple([]);
    case 'set':
      return set([]);
    case 'map':
      return map([]);
    case 'name':
      return name;
    case 'process':
      return new Send('a', [1], false);
    case 'any':
      return 1;
    case 'either': {
      const choices = type.choices ?? [];
      return exampleOf(choices[turn % choices.length] as Type, turn);
    }
    default:
      return type.word satisfies never;
  }
}

/** As the dispatcher would hand it over: the arguments pass the declaration, and are the form that is meant. */
function callOf(declaration: ChannelDeclaration, method: Method, index: number, turn: number): NativeCall {
  const args = (method.forms[index] as Form).args.map(({ type }) => exampleOf(type, turn));
  const message = declaration.kind === 'plain' ? args : [method.name, ...args];
  const parsed = parseCall(
    declaration,
    declaration.kind === 'plain' && declaration.replies ? [...args, name] : message,
  );
  assert(parsed.ok, parsed.ok ? '' : `${declaration.name}.${method.name}: ${parsed.message}`);
  const effectId = new Uint8Array(32).fill(turn + 1);
  return { method: method.name, form: index, args, effectId, account: 1, handle: null, state: undefined };
}

describe('house: authority', () => {
  let resolvers: Resolvers;
  let directory: string;
  const said: string[] = [];
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);

  // Everything that can be granted is granted, to somebody else.
  before(async () => {
    process.on('unhandledRejection', onRejection);
    directory = await makeDirectory();
    const [own, other] = await freePorts(2);
    const say = async (bytes: Uint8Array): Promise<void> => void said.push(new TextDecoder().decode(bytes));
    resolvers = new Resolvers({
      platform: realPlatform(),
      show: String,
      console: { stdout: say, stderr: say, readLine: async () => 'a line', read: async () => null } as never,
      peers: peersConfig.parse({
        name: 'a',
        listen: `127.0.0.1:${own}`,
        nodes: [{ name: 'b', address: `127.0.0.1:${other}`, secret: secretOf('a', 'b') }],
      }),
    });
    const powers = readGrants([
      { kind: 'stdio' },
      { kind: 'files', root: directory },
      { kind: 'http', origins: [{ origin: `http://127.0.0.1:${other}`, addresses: ['127.0.0.1'] }] },
      { kind: 'tcp', connect: ['127.0.0.1:*'], listen: ['127.0.0.1:*'] },
      { kind: 'udp', send: ['127.0.0.1:*'], bind: ['127.0.0.1:*'] },
      { kind: 'timer' },
      { kind: 'random' },
      { kind: 'crypto' },
      { kind: 'hardware' },
      { kind: 'peers' },
    ]);
    await resolvers.grant('operator', powers);
  });
  after(async () => {
    await resolvers.close();
    await rm(directory, { recursive: true, force: true });
    process.off('unhandledRejection', onRejection);
  });

  function methods(): readonly (readonly [Native, Method])[] {
    return resolvers.natives.flatMap((native) =>
      [...native.declaration.methods.values()].map((method) => [native, method] as const),
    );
  }

  /** Each form of the method, with arguments of each kind that a form admits. */
  async function* answers(
    native: Native,
    method: Method,
    handle: Value,
  ): AsyncGenerator<{ readonly answer: NativeAnswer; readonly what: string }> {
    const { declaration } = native;
    for (const index of method.forms.keys()) {
      for (let turn = 0; turn < 3; turn++) {
        const call = { ...callOf(declaration, method, index, turn), handle };
        const answer = method.effect === 'none' ? native.inline?.(call) : await asked(native, call);
        const what = `${declaration.name}.${method.name}, form ${index}`;
        assert(answer !== undefined, `${what}: no answer`);
        yield { answer, what };
      }
    }
  }

  it('a native without its grant answers not_available, in every form of every method', async () => {
    const wrong = new Set<string>();
    let count = 0;
    for (const [native, method] of methods()) {
      const { name: channel } = native.declaration;
      if (channel === 'system' || REACH_NOTHING[channel] !== undefined) continue;
      if (NEED_NO_GRANT[`${channel}.${method.name}`] !== undefined) continue;
      const handles = handlesOf(channel, GONE);
      for (const handle of handles) {
        for await (const { answer, what } of answers(native, method, handle)) {
          count++;
          const outcome = 'error' in answer ? answer.error.code : 'ok';
          if (outcome !== 'not_available') wrong.add(`${what}: ${outcome}`);
        }
      }
    }
    assert.deepEqual([...wrong], []);
    assert(count > 500, `only ${count} calls were made`);
  });

  it('a method that was begun before its grant was taken back is not taken up again', async () => {
    const wrong: string[] = [];
    for (const [native, method] of methods()) {
      if (method.recovery !== 'ask') continue;
      for (const index of method.forms.keys()) {
        const [handle] = handlesOf(native.declaration.name, GONE);
        const call = { ...callOf(native.declaration, method, index, 0), handle: handle as Value };
        const answer = await native.ask?.(call);
        // What is not known to have been made would be called again, and that is refused above.
        const outcome = typeof answer === 'object' && 'error' in answer ? answer.error.code : answer;
        if (outcome !== 'not_available' && outcome !== 'not_applied' && outcome !== 'interrupted')
          wrong.push(`${native.declaration.name}.${method.name}: ${String(outcome)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('a source without its grant ends with an error, and nothing arrives on it', async () => {
    const wrong: string[] = [];
    for (const native of resolvers.natives) {
      if (native.open === undefined) continue;
      const { name: channel } = native.declaration;
      for (const handle of handlesOf(channel, GONE)) {
        for (const resumed of [true, false]) {
          const source = new TestSource(new NewSource(channel, handle), resumed);
          native.open(source);
          await new Promise((resolve) => setImmediate(resolve));
          // What belonged to an earlier process is over for that reason already.
          const code = source.failure?.code ?? 'open';
          if (!['not_available', 'handle_closed', 'interrupted'].includes(code) || source.unread.length > 0)
            wrong.push(`${channel}: ${code}, with ${source.unread.length} arrivals`);
          source.leave();
        }
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('a handle that no native wrote opens nothing, and stops nothing', async () => {
    const wrong = new Set<string>();
    for (const [native, method] of methods()) {
      const { name: channel } = native.declaration;
      if (channel === 'system' || REACH_NOTHING[channel] !== undefined) continue;
      if (NEED_NO_GRANT[`${channel}.${method.name}`] !== undefined) continue;
      for (const handle of GARBAGE) {
        try {
          for await (const { answer, what } of answers(native, method, handle)) if ('ok' in answer) wrong.add(what);
        } catch (error) {
          // Only the space writes handles: one that is broken is a bug, which the dispatcher answers `native_failed`.
          assert(error instanceof Error, `${channel}.${method.name} threw ${String(error)}`);
        }
      }
    }
    assert.deepEqual([...wrong], []);
  });

  it('whatever the grant of a handle is called, only the one that was given opens anything', async () => {
    const of = (channel: string): Native =>
      resolvers.natives.find(({ declaration }) => declaration.name === channel) as Native;
    const natives = ['directory', 'file', 'httpResource', 'tcpListener', 'udp', 'timer', 'random', 'hardware', 'peers'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...natives),
        fc.oneof(fc.string(), fc.constantFrom(...POWERS), fc.constantFrom('__proto__', 'constructor', 'toString')),
        fc.constantFrom('nobody', 'Operator', 'operator ', '', 'operator/files', '__proto__'),
        async (channel, power, holder) => {
          const native = of(channel);
          for (const method of native.declaration.methods.values()) {
            if (NEED_NO_GRANT[`${channel}.${method.name}`] !== undefined) continue;
            const call = {
              ...callOf(native.declaration, method, 0, 0),
              handle: powerHandle(`${holder}/${power}`, channel === 'httpResource' ? 'http://127.0.0.1/' : 'a'),
            };
            const answer = await (method.effect === 'none' ? native.inline?.(call) : asked(native, call));
            assert(answer !== undefined && 'error' in answer, `${channel}.${method.name} of ${holder}/${power}`);
            assert.equal(answer.error.code, 'not_available');
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a native whose grant was taken back answers not_available, in every form of every method', async () => {
    const taken = POWERS.map((power) => `operator/${power}`);
    resolvers.revoke('operator');
    const wrong = new Set<string>();
    for (const [native, method] of methods()) {
      const { name: channel } = native.declaration;
      if (channel === 'system' || REACH_NOTHING[channel] !== undefined) continue;
      if (NEED_NO_GRANT[`${channel}.${method.name}`] !== undefined) continue;
      for (const id of taken) {
        for (const handle of handlesOf(channel, id)) {
          for await (const { answer, what } of answers(native, method, handle)) {
            const outcome = 'error' in answer ? answer.error.code : 'ok';
            if (outcome !== 'not_available') wrong.add(`${what} of ${id}: ${outcome}`);
          }
        }
      }
    }
    assert.deepEqual([...wrong], []);
  });

  it('nothing of all this came out, and nothing was left unheard', () => {
    assert.deepEqual(said, []);
    assert.deepEqual(
      readdirSync(directory).filter((entry) => entry !== '.powerbox'),
      [],
    );
    assert.deepEqual(rejections, []);
  });

  it('each exception is one that there is', () => {
    const channels = resolvers.natives.map(({ declaration }) => declaration.name);
    assert.deepEqual(
      Object.keys(REACH_NOTHING).filter((channel) => !channels.includes(channel)),
      [],
    );
    const known = methods().map(([{ declaration }, method]) => `${declaration.name}.${method.name}`);
    assert.deepEqual(
      Object.keys(NEED_NO_GRANT).filter((method) => !known.includes(method)),
      [],
    );
  });

  it('what needs no grant answers nothing but a handle, or ends a source', async () => {
    for (const [native, method] of methods()) {
      if (NEED_NO_GRANT[`${native.declaration.name}.${method.name}`] === undefined) continue;
      for await (const { answer, what } of answers(native, method, powerHandle(GONE, 'a'))) {
        if ('ok' in answer) assert(answer.ok instanceof NewObject || answer.closes !== undefined, what);
      }
    }
  });
});
