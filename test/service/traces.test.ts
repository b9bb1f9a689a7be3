/** Nothing that stands in a trace is an authority: what is fed from it to the live service as a capability is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { internalsOf, redactTrace, type Space } from '../../src/embedding/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { readBlocks } from '../../src/trace/blocks.ts';
import { bytesOf } from '../../src/trace/memory.ts';
import { list } from '../../src/values/index.ts';
import { Capability } from '../../src/wire/index.ts';
import type { RawClient } from './raw-client.ts';
import { Bench, ECHO } from './support.ts';

const none = { persist: false, lease_ms: null } as const;
/** Bytes from which on something could be a secret. */
const SECRET_BYTES_MIN = 16;
/** Candidates that one frame asks about. */
const A_FRAME = 64;

/**
 * All that could be a string or a byte array in canonical bytes, wherever it begins: more than there is, for every byte is
 * tried as the head of one. Whatever begins beyond it is tried by itself.
 */
function candidatesIn(body: Uint8Array): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const add = (at: number, length: number): void => {
    if (length < SECRET_BYTES_MIN || at + length > body.length) return;
    const bytes = body.slice(at, at + length);
    found.set(Buffer.from(bytes).toString('latin1'), bytes);
  };
  for (let at = 0; at < body.length; at++) {
    const head = body[at] as number;
    if (head >= 0xa0 && head <= 0xbf) add(at + 1, head & 31);
    else if (head === 0xd9 || head === 0xc4) add(at + 2, body[at + 1] ?? 0);
    else if (head === 0xc7) add(at + 3, body[at + 1] ?? 0);
    else if (head === 0xd8) add(at + 2, 16);
    else if ((head === 0xda || head === 0xc5) && at + 3 < body.length) add(at + 3, view.getUint16(at + 1));
  }
  return found;
}

/** A token may stand as it is, or as text. */
function formsOf(bytes: Uint8Array): Uint8Array[] {
  const text = Buffer.from(bytes).toString('latin1');
  const forms = [bytes];
  if (/^[\w+/=-]+$/.test(text)) forms.push(new Uint8Array(Buffer.from(text, 'base64')));
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) forms.push(new Uint8Array(Buffer.from(text, 'hex')));
  return forms;
}

function textsIn(trace: Uint8Array): Uint8Array[] {
  const all = new Map<string, Uint8Array>();
  for (const { body } of readBlocks(bytesOf(trace)))
    for (const bytes of candidatesIn(body).values())
      for (const form of formsOf(bytes)) all.set(Buffer.from(form).toString('latin1'), form);
  return [...all.values()];
}

/** Those that are accepted: each is tried as the channel of a message, and as what is said. */
async function accepted(client: RawClient, candidates: readonly Uint8Array[]): Promise<string[]> {
  const taken: string[] = [];
  for (let from = 0; from < candidates.length; from += A_FRAME) {
    const part = candidates.slice(from, from + A_FRAME);
    const asked = part.map((bytes) => ({ id: client.id(), bytes }));
    client.say(
      ...asked.map(({ id, bytes }) => ({
        kind: 'produce' as const,
        id,
        channel: new Capability(bytes),
        message: ['found'],
        ...none,
      })),
    );
    for (const { id, bytes } of asked) {
      const answer = await client.answer(id, 'produce');
      if (!('error' in answer) || answer.error.code !== 'capability_refused')
        taken.push(Buffer.from(bytes).toString('hex'));
    }
    // What was answered need not be kept for this client.
    client.say({ kind: 'ack', number: client.newest });
  }
  return taken;
}

describe('what stands in a trace', () => {
  const bench = new Bench();
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-trace-'));
  });
  afterEach(async () => {
    await bench.close();
    rmSync(directory, { recursive: true });
  });

  /** Tokens are handed out, used, passed on and kept as text. */
  async function busy(space: Space): Promise<readonly [Capability, Capability, string]> {
    const service = await bench.serve(space);
    const [alice, bob] = [await bench.connect(service), await bench.connect(service, { token: 'bob' })];
    const [echo, other] = (await alice.names(2)) as [Capability, Capability];
    await alice.ask({ kind: 'deploy', text: ECHO, name: 'echo', uris: new Map([['app:echo', echo]]) });
    await alice.ask({ kind: 'call', target: echo, method: null, args: [list([other, 1])], limit_ms: 60_000 });
    await alice.ask({ kind: 'produce', channel: 'to bob', message: [other, 'x'.repeat(70_000)], ...none });
    const slots = [{ channel: 'to bob', pattern: null, peek: false }];
    assert.ok((await bob.ask({ kind: 'take', slots, limit_ms: 60_000 })) !== null);
    const asked = { kind: 'call', target: alice.powerbox, method: 'timer', args: [], limit_ms: 60_000 } as const;
    assert.ok((await alice.ask(asked)) instanceof Capability);
    return [echo, other, Buffer.from(other.token).toString('base64url')];
  }

  it('is no capability to the live service, whole or exported', async () => {
    const data = join(directory, 'space');
    const sink = new MemoryTrace();
    const [echo, other, text] = await busy(await bench.space({ data, trace: sink, trace_keyframe_bytes: 0 }));
    await bench.close();
    const trace = sink.bytes();
    const files = (['payloads', 'values'] as const).map((without) => {
      const file = join(directory, without);
      redactTrace(trace, file, { without });
      return new Uint8Array(readFileSync(file));
    });

    // The same space again: tokens are what they were.
    const space = await bench.space({ data });
    const service = await bench.serve(space);
    const fresh = await bench.connect(service);
    // Such a test must be able to fail: a token is accepted, and is found where it stands as bytes or as text.
    assert.deepEqual((await accepted(fresh, [other.token])).length, 1);
    for (const said of [other.token, new Uint8Array(Buffer.from(text))]) {
      const found = candidatesIn(Uint8Array.of(0xc4, said.length, ...said));
      const forms = [...found.values()].flatMap(formsOf).map((form) => Buffer.from(form).toString('hex'));
      assert.ok(forms.includes(Buffer.from(other.token).toString('hex')));
    }

    const { sealKey } = internalsOf(space);
    for (const one of [trace, ...files]) {
      const candidates = textsIn(one);

      assert.ok(candidates.length > 3, `only ${candidates.length}`);
      assert.deepEqual(await accepted(fresh, candidates), []);
      const bodies = Buffer.concat([...readBlocks(bytesOf(one))].map(({ body }) => body));
      for (const secret of [sealKey, other.token, echo.token, fresh.powerbox.token].map((bytes) => Buffer.from(bytes)))
        for (const form of [secret, ...(['base64', 'base64url', 'hex'] as const).map((as) => secret.toString(as))])
          assert.equal(bodies.includes(form), false);
    }
  });
});
