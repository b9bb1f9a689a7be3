/** The laws of effects under every order of answers, failures and kills that a generator thinks of. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isErrorResult, type NativeAnswer, type NativeCall } from '../../channels/index.ts';
import type { MapValue, Name, Tuple, Value } from '../../src/values/index.ts';
import { freshName, rest, Site, World, Disk } from './support/world.ts';

const METHODS = ['pure', 'look', 'repeated', 'asked', 'once'] as const;

interface Sent {
  readonly method: (typeof METHODS)[number];
  readonly object: number;
  readonly account: number;
}

/** What happens next: a call of those under way is answered, fails or throws, and after that the process may end. */
type Step =
  | { readonly kind: 'answer'; readonly pick: number; readonly how: 'ok' | 'error' | 'throw' }
  | { readonly kind: 'kill'; readonly pick: number; readonly applied: boolean }
  | { readonly kind: 'tick' };

interface UnderWay {
  readonly call: NativeCall;
  readonly resolve: (answer: NativeAnswer) => void;
  readonly reject: (error: Error) => void;
}

const sentArbitrary: fc.Arbitrary<Sent> = fc.record({
  method: fc.constantFrom(...METHODS),
  object: fc.nat(2),
  account: fc.integer({ min: 1, max: 2 }),
});

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      pick: fc.nat(9),
      how: fc.constantFrom('ok' as const, 'ok' as const, 'error' as const, 'throw' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), pick: fc.nat(9), applied: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tick' as const) }) },
);

class Run {
  readonly world = new World();
  readonly disk = new Disk();
  open: UnderWay[] = [];
  site: Site;
  /** Changes under way at a kill, by their argument. */
  readonly cutOff: number[] = [];

  constructor() {
    this.world.behaviour = (call) => {
      if (call.method === 'pure') return { ok: call.args[0] ?? null };
      return new Promise((resolve, reject) => this.open.push({ call, resolve, reject }));
    };
    this.site = this.#open();
  }

  #open(): Site {
    return new Site(this.disk, this.world, { effectsRunningMax: 2 });
  }

  take(pick: number): UnderWay | undefined {
    return this.open.length === 0 ? undefined : this.open.splice(pick % this.open.length, 1)[0];
  }

  async kill(pick: number, applied: boolean): Promise<void> {
    const last = applied ? this.take(pick) : undefined;
    // The change happens; the process ends before it can say so.
    if (last !== undefined) {
      last.resolve({ ok: last.call.args[0] ?? null });
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
    for (const { call } of [...this.open, ...(last === undefined ? [] : [last])]) {
      if (call.method === 'once') this.cutOff.push(call.args[0] as number);
    }
    this.open = [];
    this.site.engine.kill();
    this.site = this.#open();
    await rest(3);
  }
}

function answerText(value: Value | undefined): string {
  if (value === undefined || !isErrorResult(value)) return `ok ${String(value)}`;
  const map = (value as Tuple).items[1] as MapValue;
  return map.items[map.keys.indexOf('code')] as string;
}

describe('under any schedule of answers, failures and kills', () => {
  it('each call is answered once; no change is lost or made twice; interrupted comes only where it must', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sentArbitrary, { minLength: 1, maxLength: 10 }),
        fc.array(stepArbitrary, { maxLength: 25 }),
        async (sent, steps) => {
          const run = new Run();
          const objects: Name[] = [];
          for (let index = 0; index < 3; index++) objects.push(await run.site.install(`h${index}`));
          const replies = sent.map(() => freshName());
          await Promise.all(
            sent.map(({ method, object, account }, index) =>
              run.site.send(objects[object] as Name, [method, index, replies[index] as Name], account),
            ),
          );
          for (const step of steps) {
            if (step.kind === 'kill') await run.kill(step.pick, step.applied);
            else {
              if (step.kind === 'answer') {
                const next = run.take(step.pick);
                if (step.how === 'ok') next?.resolve({ ok: next.call.args[0] ?? null });
                else if (step.how === 'error') next?.resolve({ error: { code: 'file_failed', message: 'x' } });
                else next?.reject(new Error('thrown'));
              }
              await rest(2);
            }
          }
          for (
            let round = 0;
            round < 200 && [1, 2].some((account) => run.site.dispatcher.report(account).length > 0);
            round++
          ) {
            for (const next of run.open.splice(0)) next.resolve({ ok: next.call.args[0] ?? null });
            await rest(2);
          }
          await run.site.dispatcher.quiescent(1);
          await run.site.dispatcher.quiescent(2);
          check(run, sent, replies);
        },
      ),
      { numRuns: 400 },
    );
  });
});

function check(run: Run, sent: readonly Sent[], replies: readonly Name[]): void {
  const interrupted: number[] = [];
  sent.forEach(({ method }, index) => {
    const waiting = run.site.engine.waiting(replies[index] as Name);
    assert.equal(waiting.length, 1, `call ${index} has ${waiting.length} answers`);
    const text = answerText(waiting[0]?.[0]);
    assert.ok([`ok ${index}`, 'file_failed', 'native_failed', 'interrupted'].includes(text), text);
    if (text === 'interrupted') interrupted.push(index);
    const made = run.world.log.filter((line) => line === `call ${method} ${index}`).length;
    const done = run.world.done.filter((line) => line === `${method} ${index}`).length;
    if (method === 'once') assert.ok(made <= 1 && done <= 1, 'a change without recovery is made at most once');
    if (method === 'asked') assert.ok(done <= 1, 'a change that can be asked about is done at most once');
    if (text === `ok ${index}` && method !== 'pure') assert.ok(done >= 1, 'no answer without the change');
  });
  assert.deepEqual(
    interrupted,
    [...new Set(run.cutOff)].sort((left, right) => left - right),
    'exactly one interrupted for each effect in flight at a kill',
  );
  assert.equal([...run.disk.state.facts.keys()].filter((key) => key.startsWith('effect/')).length, 0);
  assert.equal(run.disk.state.tasks.size, 0);
  for (let object = 0; object < 3; object++) inOrder(run, sent, object);
}

/** First calls of one object come in the order in which the messages were sent. */
function inOrder(run: Run, sent: readonly Sent[], object: number): void {
  const first = new Set<number>();
  for (const line of run.world.log) {
    const index = Number(line.split(' ')[2]);
    if (line.startsWith('call ') && sent[index]?.object === object) first.add(index);
  }
  const order = [...first];
  assert.deepEqual(
    order,
    [...order].sort((left, right) => left - right),
    `calls of object ${object}`,
  );
}
