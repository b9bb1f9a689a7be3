/** Laws of labels, outside runners, parking, failures, quiescence and deploys. */
import assert from 'node:assert/strict';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Deploys, Dispatcher, type OutsideControl } from '../../src/dispatch/index.ts';
import type { Body, Task } from '../../src/space/index.ts';
import { List, type Value } from '../../src/values/index.ts';
import { freshName, HandClock, probeNative, rest, Site, World } from './support/world.ts';

const bodyOf = (label: string): Body => ({ label, term: null, place: 0, environment: [] });

async function spawn(site: Site, label: string, value: Value = null, account = 1): Promise<void> {
  await site.engine.post({ kind: 'test', payload: null, account }, (turn) => turn.spawn(bodyOf(label), [value]));
}

/** An outside runner that keeps what it was handed. */
function keeper(): {
  readonly handed: { task: Task; control: OutsideControl }[];
  run(task: Task, control: OutsideControl): void;
} {
  const handed: { task: Task; control: OutsideControl }[] = [];
  return { handed, run: (task, control) => void handed.push({ task, control }) };
}

describe('labels', () => {
  it('a task of a label that nobody runs is parked, visible with its reason, and runs when its runner appears', async () => {
    const site = new Site();
    await spawn(site, 'strange', 3);
    await spawn(site, 'strange', 4);
    const settled = await site.dispatcher.settled(1);
    assert.equal(settled.quiescent, false);
    assert.deepEqual(settled.waiting, [
      { kind: 'parked', label: 'strange', tasks: 2, reason: 'nobody here runs the label "strange"' },
    ]);
    let quiet = false;
    const quiescent = site.dispatcher.quiescent(1).then(() => (quiet = true));
    await rest();
    assert.equal(quiet, false, 'parked is not quiescent');
    const seen: Value[] = [];
    site.dispatcher.registerInline('strange', { run: (task) => void seen.push(task.captures[0] as Value) });
    await quiescent;
    assert.deepEqual(seen, [3, 4]);
    assert.deepEqual(site.dispatcher.report(1), []);
  });

  it('a call of a native that is not registered waits for it, also over a restart', async () => {
    const first = new Site();
    const probe = await first.install();
    const ret = freshName();
    first.engine.kill();
    const second = new Site(first.disk, first.world, {}, []);
    await second.send(probe, ['look', 1, ret]);
    const { waiting } = await second.dispatcher.settled(1);
    assert.deepEqual(waiting, [
      { kind: 'parked', label: 'native', tasks: 1, reason: 'no native "probe" is registered here' },
    ]);
    second.engine.kill();
    const third = new Site(first.disk, first.world, {}, []);
    assert.equal((await third.dispatcher.settled(1)).quiescent, false);
    third.dispatcher.registerNative(probeNative(first.world));
    await third.dispatcher.quiescent(1);
    assert.deepEqual(third.engine.waiting(ret), [[1]]);
  });

  it('a label has one runner, and the label of natives none', () => {
    const { dispatcher } = new Site();
    dispatcher.registerInline('x', { run: () => {} });
    assert.throws(() => dispatcher.registerOutside('x', { run: () => {} }), { code: 'bad_request' });
    assert.throws(() => dispatcher.registerInline('native', { run: () => {} }), { code: 'bad_request' });
    assert.throws(() => dispatcher.registerNative(probeNative(new World())), { code: 'bad_request' });
  });

  it('a native without the code its declaration promises is refused', () => {
    const full = probeNative(new World());
    for (const missing of ['inline', 'call', 'ask'] as const) {
      const { [missing]: _dropped, ...rest } = full;
      const dispatcher = new Dispatcher({ platform: new HandClock(), report: () => {} });
      assert.throws(() => dispatcher.registerNative(rest), {
        code: 'declaration_invalid',
        message: new RegExp(`no ${missing}`),
      });
    }
  });

  it('an inline runner that throws is a failure of its account; other tasks run', async () => {
    const site = new Site();
    const seen: Value[] = [];
    site.dispatcher.registerInline('code', {
      run: (task) => {
        if (task.captures[0] === 1) throw new Error('broken');
        if (task.captures[0] === 2) throw undefined;
        seen.push(task.captures[0] as Value);
      },
    });
    for (const value of [0, 1, 2, 3]) await spawn(site, 'code', value);
    await site.dispatcher.quiescent(1);
    assert.deepEqual(seen, [0, 3]);
    assert.equal(site.dispatcher.failures(1).count, 2);
    assert.deepEqual(
      site.records.map(({ code, source, message }) => [code, source, message]),
      [
        ['runner_failed', 'code', 'broken'],
        ['runner_failed', 'code', 'undefined'],
      ],
    );
  });
});

describe('outside runners', () => {
  it('an answer is one turn in which the task is gone', async () => {
    const site = new Site();
    const runner = keeper();
    site.dispatcher.registerOutside('far', runner);
    await spawn(site, 'far', 1);
    await rest();
    assert.equal(runner.handed.length, 1);
    assert.equal(await runner.handed[0]?.control.answer('said', (turn) => turn.produce('out', ['a'], false)), true);
    await site.dispatcher.quiescent(1);
    assert.deepEqual(site.engine.waiting('out'), [['a']]);
    assert.equal(site.disk.causes.at(-1)?.kind, 'answer');
    assert.equal(site.disk.state.tasks.size, 0);
    assert.equal(site.time.waiting, 0, 'its time limit is over with it');
  });

  it('a second answer, of whatever kind, changes nothing and is counted', async () => {
    const site = new Site();
    const runner = keeper();
    site.dispatcher.registerOutside('far', runner);
    await spawn(site, 'far');
    await rest();
    const control = runner.handed[0]?.control as OutsideControl;
    const answers = await Promise.all([
      control.answer(1, (turn) => turn.produce('out', [1], false)),
      control.answer(2, (turn) => turn.produce('out', [2], false)),
      control.refuse(new Error('after all')),
    ]);
    assert.deepEqual(answers, [true, false, false]);
    assert.deepEqual(site.engine.waiting('out'), [[1]]);
    assert.equal(site.dispatcher.counts.second, 2);
    assert.equal(site.dispatcher.failures(1).count, 0);
  });

  it('one that throws, rejects, refuses, answers garbage or throws in its turn fails its own task only', async () => {
    const site = new Site();
    site.dispatcher.registerOutside('far', {
      run: (task, control) => {
        switch (task.captures[0]) {
          case 0:
            throw new Error('thrown');
          case 1:
            return Promise.reject(new Error('rejected'));
          case 2:
            return void control.refuse(new PowerboxError('cancelled', 'refused'));
          case 3:
            return void control.answer((() => 1) as never, () => assert.fail('garbage is never applied'));
          case 4:
            return void control.answer(null, () => {
              throw new Error('in the turn');
            });
          default:
            return void control.answer(null, (turn) => turn.produce('out', [5], false));
        }
      },
    });
    for (const value of [0, 1, 2, 3, 4, 5]) await spawn(site, 'far', value);
    await site.dispatcher.quiescent(1);
    assert.deepEqual(site.engine.waiting('out'), [[5]]);
    assert.equal(site.dispatcher.failures(1).count, 5);
    assert.deepEqual(site.records.map((record) => record.code).sort(), [
      'cancelled',
      'runner_failed',
      'runner_failed',
      'runner_failed',
      'runner_failed',
    ]);
    assert.ok(site.records.every((record) => record.source === 'far' && record.task !== null));
  });

  it('one that never answers is refused after its time; one without a limit may wait for ever', async () => {
    const site = new Site();
    const [bounded, patient] = [keeper(), keeper()];
    site.dispatcher.registerOutside('bounded', bounded, { limit_ms: 50 });
    site.dispatcher.registerOutside('patient', patient, { limit_ms: null });
    await spawn(site, 'bounded', 1, 1);
    await spawn(site, 'patient', 2, 2);
    await rest();
    site.time.advance(1_000_000);
    await site.dispatcher.quiescent(1);
    assert.equal(site.dispatcher.failures(1).last[0]?.code, 'timed_out');
    assert.ok(bounded.handed[0]?.control.signal.aborted);
    assert.equal(await bounded.handed[0]?.control.answer(1, () => {}), false);
    assert.equal(site.dispatcher.counts.late, 1);
    assert.deepEqual(site.dispatcher.report(2), [
      { kind: 'effect', task: 2, label: 'patient', what: 'patient', stage: 'running', for_ms: 1_000_000 },
    ]);
    assert.equal(await patient.handed[0]?.control.answer(1, () => {}), true);
  });

  it('a task without an answer at a kill is handed over again', async () => {
    const first = new Site();
    first.dispatcher.registerOutside('far', keeper());
    await spawn(first, 'far', 'x');
    await rest();
    const second = first.restart();
    const runner = keeper();
    second.dispatcher.registerOutside('far', runner);
    await rest();
    assert.deepEqual(
      runner.handed.map(({ task }) => task.captures[0]),
      ['x'],
    );
  });
});

describe('STDERR', () => {
  it('is bounded by account: the rest is dropped and counted, and the count travels with the next record', async () => {
    const site = new Site();
    site.dispatcher.registerInline('code', {
      run: (_task, turn) => turn.fail(new PowerboxError('evaluation_error', 'x')),
    });
    for (let count = 0; count < limits.stderr_records_burst_max + 50; count++) await spawn(site, 'code', null, 1);
    await spawn(site, 'code', null, 2);
    await site.dispatcher.quiescent(1);
    await site.dispatcher.quiescent(2);
    assert.equal(site.records.filter((record) => record.account === 1).length, limits.stderr_records_burst_max);
    assert.equal(site.records.filter((record) => record.account === 2).length, 1, 'another account is not held back');
    assert.equal(site.dispatcher.failures(1).count, limits.stderr_records_burst_max + 50, 'all are counted');
    assert.equal(site.dispatcher.failures(1).last.length, limits.failures_kept_max);
    site.time.advance(1000);
    await spawn(site, 'code', null, 1);
    await site.dispatcher.quiescent(1);
    assert.equal(site.records.at(-1)?.dropped, 50);
  });

  it('never reports on itself: a sink that throws harms nobody', async () => {
    const site = new Site(undefined, undefined, {
      report: () => {
        throw new Error('no space left');
      },
    });
    const probe = await site.install();
    for (let count = 0; count < 3; count++) assert.notEqual(await site.call(probe, 'nonsense'), undefined);
  });

  it('holds one line a record, whatever the failure says', async () => {
    const site = new Site();
    site.dispatcher.registerInline('code', {
      run: (_task, turn) => turn.fail(new Error('a\nb\u2028c\u001b[31m\ud800' + 'x'.repeat(5000))),
    });
    await spawn(site, 'code');
    await site.dispatcher.quiescent(1);
    const message = site.records[0]?.message ?? '';
    assert.match(message, /^a b c \[31m\ufffdx+$/);
    assert.ok(message.length <= limits.failure_text_max);
  });

  it('is told only what is durable', async () => {
    const first = new Site();
    await spawn(first, 'code');
    first.engine.beforeSync = () => first.engine.kill();
    first.dispatcher.registerInline('code', { run: (_task, turn) => turn.fail(new Error('x')) });
    await rest();
    assert.deepEqual(first.records, [], 'the turn that failed is lost, and so is its failure');
    const second = first.restart();
    second.dispatcher.registerInline('code', { run: (_task, turn) => turn.fail(new Error('x')) });
    await second.dispatcher.quiescent(1);
    assert.equal(second.records.length, 1);
    assert.equal(second.dispatcher.failures(1).count, 1);
  });
});

describe('quiescence', () => {
  it('comes when the last effect has been answered and what it set off has run', async () => {
    const site = new Site();
    const probe = await site.install();
    let answer = (): void => {};
    site.world.behaviour = () => new Promise((resolve) => (answer = () => resolve({ ok: 1 })));
    const ret = freshName();
    await site.send(probe, ['once', 1, ret]);
    let quiet = false;
    const quiescent = site.dispatcher.quiescent(1).then(() => (quiet = true));
    await rest();
    assert.equal(quiet, false);
    assert.deepEqual(
      site.dispatcher.report(1).map((waiting) => waiting.kind === 'effect' && [waiting.what, waiting.stage]),
      [['probe.once', 'running']],
    );
    await site.dispatcher.quiescent(2);
    answer();
    await quiescent;
    assert.equal(site.engine.waiting(ret).length, 1);
  });

  it('a clean stop waits for changes under way, cuts off observations and starts nothing', async () => {
    const site = new Site();
    const [one, two] = [await site.install('one'), await site.install('two')];
    let answer = (): void => {};
    let aborted = false;
    site.world.behaviour = (call) => {
      if (call.method === 'once') return new Promise((resolve) => (answer = () => resolve({ ok: 1 })));
      call.signal?.addEventListener('abort', () => (aborted = true));
      return new Promise(() => {});
    };
    const ret = freshName();
    await site.send(one, ['once', 1, ret]);
    await site.send(one, ['once', 2, ret]);
    await site.send(two, ['look', 3, ret]);
    await rest();
    let stopped = false;
    const stop = site.dispatcher.stop().then(() => (stopped = true));
    await rest();
    assert.deepEqual([stopped, aborted], [false, true]);
    answer();
    await stop;
    assert.deepEqual(site.engine.waiting(ret), [[1]]);
    assert.equal(site.world.log.length, 2);
    assert.equal(site.time.waiting, 0);
    site.world.behaviour = (call) => ({ ok: call.args[0] ?? null });
    const second = site.restart();
    await second.dispatcher.quiescent(1);
    assert.deepEqual(
      second.engine
        .waiting(ret)
        .map((message) => message[0])
        .sort(),
      [1, 2, 3],
    );
  });
});

describe('deploys', () => {
  const request = { holder: 'alice', name: 'hello.rho', label: 'code', term: new List([1]) } as const;

  it('each is an account of its own, whose first task pays from it', async () => {
    const site = new Site();
    const deploys = new Deploys(site.engine);
    const seen: unknown[] = [];
    site.dispatcher.registerInline('code', {
      run: (task, turn) => void seen.push([task.account, turn.account, task.body.term?.term]),
    });
    const [one, two] = await Promise.all([deploys.start(request), deploys.start({ ...request, name: 'other' })]);
    await site.dispatcher.quiescent(one.account);
    await site.dispatcher.quiescent(two.account);
    assert.deepEqual([one.account, two.account], [1, 2]);
    assert.deepEqual(seen, [
      [1, 1, request.term],
      [2, 2, request.term],
    ]);
    assert.deepEqual(
      deploys.list().map(({ holder, name, state }) => [holder, name, state]),
      [
        ['alice', 'hello.rho', 'running'],
        ['alice', 'other', 'running'],
      ],
    );
  });

  it('one that is to start only once is refused the second time', async () => {
    const site = new Site();
    const deploys = new Deploys(site.engine);
    const two = [
      deploys.start({ ...request, once: 'system/main' }),
      deploys.start({ ...request, once: 'system/main' }),
    ] as const;
    assert.equal((await two[0]).account, 1);
    await assert.rejects(two[1], { code: 'bad_request' });
    assert.deepEqual(deploys.list().length, 1);
  });

  it('numbers are never given twice, also over a restart, and unfinished ones are found', async () => {
    const first = new Site();
    const one = await new Deploys(first.engine).start(request);
    const second = first.restart();
    const deploys = new Deploys(second.engine);
    assert.deepEqual(
      deploys.unfinished().map(({ account }) => account),
      [one.account],
    );
    second.dispatcher.registerInline('code', { run: () => {} });
    await second.dispatcher.quiescent(one.account);
    assert.deepEqual(deploys.unfinished(), []);
    await deploys.end(one.account);
    assert.equal(deploys.get(one.account)?.state, 'ended');
    assert.equal((await deploys.start(request)).account, 2);
    await assert.rejects(deploys.end(77), { code: 'bad_request' });
  });
});
