/**
 * What every host keeps to, whichever form it has: the same answers and the same codes, run against each. A form is
 * given as the configuration of a native that serves `support/example.ts`.
 */
import assert from 'node:assert/strict';
import type { Space } from '../../src/index.ts';
import {
  ask,
  codeOf,
  ExampleServer,
  type HostForm,
  nativeOf,
  openWith,
  threadsLoadTypeScript,
  until,
} from './support/hosts.ts';

/** Code of each outcome, by what was done; the same for every form. `binds` comes before the call. */
export const OUTCOMES: Readonly<
  Record<string, { readonly call: string; readonly binds?: string; readonly code: unknown }>
> = {
  'an unknown method': { call: 'ex!?("nope")', code: 'method_unknown' },
  'a bad argument': { call: 'ex!?("add", "one", 2)', code: 'arguments_invalid' },
  'an argument out of its bounds': { call: `ex!?("write", "${'x'.repeat(101)}")`, code: 'arguments_invalid' },
  'a process as an argument': { call: 'ex!?("echo", for (x <- @1) { Nil })', code: 'value_unsupported' },
  'a throw': { call: 'ex!?("fail", "oh")', code: 'native_failed' },
  'an error that it answers': { call: 'ex!?("refuse", "there")', code: 'file_not_found' },
  'an answer of another type': { call: 'ex!?("wrong")', code: 'native_failed' },
  'an answer that is too large': { call: 'ex!?("large", 100000)', code: 'native_failed' },
  'an answer that cannot be decoded': { call: 'ex!?("unsorted")', code: 'native_failed' },
  'no answer in time': { call: 'brief!?("sleep")', binds: 'brief <- ex!?("within", 500)', code: 'timed_out' },
};

export function hostConformance(form: HostForm): void {
  describe(`a host as ${form}`, () => {
    threadsLoadTypeScript();
    let server: ExampleServer | null = null;
    let space: Space;

    before(async () => {
      if (form === 'url') server = await ExampleServer.start();
      space = await openWith({ ...nativeOf(form, server?.url ?? ''), message_bytes_max: 50_000 });
    });

    after(async () => {
      await space.close();
      await server?.stop();
    });

    it('answers what it computes, what it sees and what it changes', async () => {
      assert.equal(await ask(space, 'ex!?("add", 2, 3)'), 5);
      assert.equal(await ask(space, 'ex!?("write", "hello")'), null);
      assert.equal(await ask(space, 'ex!?("read")'), 'hello');
    });

    it('tells what memory it uses', async () => {
      const used = (): number => space.hosts()[0]?.memory_bytes ?? 0;
      await until(() => used() > 500_000, 'what it uses is told');
    });

    it('gives every kind of value back as it was', async () => {
      const values = '[1, -7, 9223372036854775807, 1.5, true, Nil, "ü𝄞", `uri:x`, (1, "two"), Set(2, 1), {"a": [{}]}]';
      const number = 'same';
      const deploy = await space.run(
        `new ex(\`native:example\`) in { for (@back <- ex!?("echo", ${values})) { @"${number}"!(back == ${values}) } }`,
        { holder: 'alice' },
      );
      await deploy.quiescent();
      assert.deepEqual(await space.take(number), [true]);
    });

    it('holds a channel as a token, and hands it back as what it was, rights and all', async () => {
      assert.equal(await ask(space, 'ex!?("peek", *fresh)'), 'Bundle');
      for (const given of ['*fresh', 'bundle+{*fresh}', 'bundle-{*fresh}', 'bundle0{*fresh}']) {
        const deploy = await space.run(
          `new ex(\`native:example\`), fresh in { for (@back <- ex!?("echo", [${given}])) { @"back"!(back == [${given}]) } }`,
          { holder: 'alice' },
        );
        await deploy.quiescent();
        assert.deepEqual(await space.take('back'), [true], given);
      }
    });

    it('makes objects that keep their state in the space', async () => {
      const call = 'ex!?("counter", 5)';
      await space.run(
        `new ex(\`native:example\`) in { for (c <- ${call}; @one <- c!?("next"); @two <- c!?("next")) { @"counted"!(one, two) } }`,
        { holder: 'alice' },
      );
      const [message] = await space.consume([{ channel: 'counted' }]);
      assert.deepEqual(message, [6, 7]);
    });

    it('pushes what arrives by itself, in order, to the end', async () => {
      await space.run(
        `new ex(\`native:example\`), loop in {
           for (ticks <- ex!?("ticks", 40)) {
             contract loop(@seen, @left) = {
               if (left == 0) { @"ticked"!(seen) } else { for (@n <- ticks) { loop!(seen ++ [n], left - 1) } }
             } | loop!([], 40)
           }
         }`,
        { holder: 'alice' },
      );
      const [message] = await space.consume([{ channel: 'ticked' }]);
      assert.deepEqual(message, [Array.from({ length: 40 }, (_, index) => index + 1)]);
    });

    it('is told of each call its effect id, its time, and which object', async () => {
      const about = (await ask(space, 'ex!?("about")')) as Readonly<Record<string, unknown>>;
      assert.equal(about['effect'], 32);
      assert.equal(about['limited'], true);
      assert.equal(about['handle'], true);
    });

    for (const [what, { call, binds, code }] of Object.entries(OUTCOMES))
      it(`${what} is answered ${String(code)}, and the next call as ever`, async () => {
        assert.equal(await codeOf(space, call, binds), code);
        assert.equal(await ask(space, 'ex!?("add", 1, 1)'), 2);
      });

    it('is not sent what is larger than a host takes', async () => {
      await space.run(
        `new ex(\`native:example\`) in { for (@big <- @"big"; @answer <- ex!?("peek", big)) { @"large"!(answer) } }`,
        { holder: 'alice' },
      );
      await space.produce('big', [new Uint8Array(18 * 1024 * 1024)]);
      const [[answer]] = (await space.consume([{ channel: 'large' }])) as unknown as [[[string, { code: string }]]];
      assert.equal(answer[1].code, 'value_too_large');
      assert.equal(await ask(space, 'ex!?("add", 1, 1)'), 2);
      assert.equal(space.hosts()[0]?.restarts, 0);
    });

    it('refuses with busy what goes beyond its calls and its queue, and calls of others go on afterwards', async () => {
      const narrow = await openWith({
        ...nativeOf(form, server?.url ?? ''),
        calls_max: 1,
        queue_max: 1,
        call_ms_max: 400,
      });
      try {
        // From one program: they come together, however busy the machine.
        const calls = Array.from({ length: 4 }, () => 'for (@answer <- ex!?("sleep")) { @"slept"!(answer) }');
        await narrow.run(`new ex(\`native:example\`) in { ${calls.join(' | ')} }`, { holder: 'alice' });
        const codes: string[] = [];
        while (codes.length < 4) {
          const [[answer]] = (await narrow.consume([{ channel: 'slept' }])) as unknown as [
            [[string, { code: string }]],
          ];
          codes.push(answer[1].code);
        }
        assert.deepEqual(codes.toSorted(), ['busy', 'busy', 'timed_out', 'timed_out']);
        // As soon as its time is enough for one.
        await until(async () => (await codeOf(narrow, 'ex!?("add", 1, 1)')) === 2, 'others go on');
      } finally {
        await narrow.close();
      }
    });

    it('is gone in the middle of a call: interrupted, then it is there again', async () => {
      const answer = (await ask(space, 'ex!?("die")')) as { readonly code: string; readonly message: string };
      assert.equal(answer.code, 'interrupted');
      // What it said last, and where it ran, is for its operator.
      assert.doesNotMatch(answer.message, /7|thread|process|code/);
      if (form === 'url') {
        assert.equal(await codeOf(space, 'ex!?("add", 1, 1)'), 'not_available');
        // That nobody hears it any more does not say that its port is free.
        await server?.stop();
        server = await ExampleServer.start(Number(new URL(server?.url ?? '').port));
      }
      await until(() => space.hosts()[0]?.state === 'up', 'the host is up again');
      assert.equal(await ask(space, 'ex!?("add", 1, 1)'), 2);
      assert.ok((space.hosts()[0]?.restarts ?? 0) >= 1);
    });

    it('a channel whose grant was taken back is answered revoked', async () => {
      const mine = await openWith(nativeOf(form, server?.url ?? ''));
      try {
        await mine.revoke('example', { holder: 'alice' });
        assert.equal(await codeOf(mine, 'ex!?("add", 1, 1)'), 'revoked');
      } finally {
        await mine.close();
      }
    });
  });
}
