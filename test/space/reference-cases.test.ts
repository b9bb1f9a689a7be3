/**
 * The cases RS-1 to RS-56 of the reference, in our own words. Where this space is deliberately other, the name
 * of the test says so. RS-29 to RS-34 and RS-38 to RS-42 are about checkpoints, which are not there yet.
 */
import assert from 'node:assert/strict';
import { compilePattern, type MessagePattern } from '../../src/match/index.ts';
import type { Value } from '../../src/values/index.ts';
import { FreeVariable, list } from '../../src/values/index.ts';
import { anything, exactly, type Lab, openLab } from './support/lab.ts';

const any = anything;
const captures = (lab: Lab): (readonly Value[])[] => lab.fired().map((fire) => fire.captures);

describe('space: the reference cases', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab.close());

  const clean = (...channels: Value[]): void => {
    for (const channel of channels) {
      assert.deepEqual(lab.data(channel), []);
      assert.equal(lab.waiting(channel), 0);
    }
  };

  it('RS-1: a message that nobody wants lies on its channel', async () => {
    await lab.produce('a', 1);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
    assert.deepEqual(lab.fired(), []);
  });

  it('RS-2: messages lie in the order in which they came', async () => {
    await lab.produce('a', 1);
    await lab.produce('a', 2);
    assert.deepEqual(lab.data('a'), [1, 2]);
  });

  it('RS-3: a receive on an empty channel waits', async () => {
    await lab.consume(['a'], [any]);
    assert.deepEqual(lab.data('a'), []);
    assert.equal(lab.waiting('a'), 1);
  });

  it('RS-4: a join on empty channels waits on each of them', async () => {
    await lab.consume(['a', 'b', 'c'], [any, any, any]);
    for (const channel of ['a', 'b', 'c']) {
      assert.equal(lab.waiting(channel), 1);
      assert.deepEqual(lab.data(channel), []);
    }
  });

  it('RS-5: a receive takes what lies there', async () => {
    await lab.produce('a', 1);
    await lab.consume(['a'], [any]);
    assert.deepEqual(captures(lab), [[1]]);
    clean('a');
  });

  it('RS-6, deliberately other: a peek finds the message and leaves it', async () => {
    await lab.produce('a', 1);
    await lab.consume(['a'], [any], { peeks: [0] });
    assert.deepEqual(captures(lab), [[1]]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-7, deliberately other: a waiting peek runs, goes, and leaves the message', async () => {
    await lab.consume(['a'], [any], { peeks: [0] });
    await lab.produce('a', 1);
    assert.deepEqual(captures(lab), [[1]]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-8, deliberately other: a persistent message is there after its match', async () => {
    await lab.consume(['a'], [any]);
    await lab.produce('a', 1, { persist: true });
    assert.deepEqual(captures(lab), [[1]]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-9: three messages and three receives: each takes one, oldest first', async () => {
    for (const value of [1, 2, 3]) await lab.produce('a', value);
    for (let round = 0; round < 3; round++) await lab.consume(['a'], [any]);
    assert.deepEqual(captures(lab), [[1], [2], [3]]);
    clean('a');
  });

  it('RS-10: a join takes nothing until all its channels have something', async () => {
    await lab.produce('a', 1);
    await lab.consume(['a', 'b'], [any, any]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.deepEqual(lab.fired(), []);
    await lab.produce('b', 2);
    assert.deepEqual(captures(lab), [[1, 2]]);
    clean('a', 'b');
  });

  it('RS-11: a join over three channels that are all filled runs at once', async () => {
    await lab.produce('a', 1);
    await lab.produce('b', 2);
    await lab.produce('c', 3);
    await lab.consume(['a', 'b', 'c'], [any, any, any]);
    assert.deepEqual(captures(lab), [[1, 2, 3]]);
    clean('a', 'b', 'c');
  });

  it('RS-12 and RS-13: waiting receives get one message each, the oldest first', async () => {
    for (const label of ['k1', 'k2', 'k3']) await lab.consume(['a'], [any], { label });
    for (const value of [1, 2, 3]) await lab.produce('a', value);
    assert.deepEqual(lab.fired(), [
      { label: 'k1', captures: [1] },
      { label: 'k2', captures: [2] },
      { label: 'k3', captures: [3] },
    ]);
    clean('a');
  });

  it('RS-14: a message runs the receive whose pattern it has', async () => {
    for (const value of [1, 2, 3]) await lab.consume(['a'], [exactly(value)], { label: `k${value}` });
    for (const value of [3, 1, 2]) {
      await lab.produce('a', value);
      assert.deepEqual(lab.fired(), [{ label: `k${value}`, captures: [] }]);
    }
    clean('a');
  });

  it('RS-15: a waiting join runs with the last message it needs', async () => {
    await lab.consume(['a', 'b'], [any, any]);
    await lab.produce('a', 1);
    assert.deepEqual(lab.fired(), []);
    await lab.produce('b', 2);
    assert.deepEqual(captures(lab), [[1, 2]]);
    clean('a', 'b');
  });

  it('RS-16: a join on one channel twice needs two messages', async () => {
    const same = compilePattern([new FreeVariable(0)], null);
    await lab.consume(['a', 'a'], [same, same]);
    await lab.produce('a', 1);
    assert.deepEqual(lab.fired(), []);
    await lab.produce('a', 1);
    assert.deepEqual(captures(lab), [[1, 1]]);
    clean('a');
  });

  it('RS-17: two joins on the same channels are told apart by their patterns', async () => {
    await lab.consume(['a', 'b'], [exactly(1), exactly(2)], { label: 'k12' });
    await lab.consume(['a', 'b'], [exactly(3), exactly(4)], { label: 'k34' });
    await lab.produce('a', 3);
    await lab.produce('b', 4);
    assert.deepEqual(
      lab.fired().map(({ label }) => label),
      ['k34'],
    );
    await lab.produce('a', 1);
    await lab.produce('b', 2);
    assert.deepEqual(
      lab.fired().map(({ label }) => label),
      ['k12'],
    );
    clean('a', 'b');
  });

  it('RS-18: half a join leaves the message where it is', async () => {
    await lab.consume(['a', 'b'], [any, exactly(1)]);
    await lab.produce('a', 1);
    assert.deepEqual(lab.data('a'), [1]);
    assert.deepEqual(lab.data('b'), []);
    assert.equal(lab.waiting('a'), 1);
    assert.equal(lab.waiting('b'), 1);
  });

  it('RS-19: receives on different channels do not disturb each other', async () => {
    await lab.consume(['a'], [exactly(1)], { label: 'ka' });
    await lab.consume(['b'], [exactly(2)], { label: 'kb' });
    await lab.produce('a', 1);
    await lab.produce('b', 2);
    assert.deepEqual(
      lab.fired().map(({ label }) => label),
      ['ka', 'kb'],
    );
    clean('a', 'b');
  });

  it('RS-20: a receive beside a join that lacks a message takes it, and the join keeps waiting', async () => {
    await lab.consume(['a', 'b'], [any, any], { label: 'join' });
    await lab.consume(['a'], [any], { label: 'single' });
    await lab.produce('a', 1);
    assert.deepEqual(lab.fired(), [{ label: 'single', captures: [1] }]);
    await lab.produce('b', 2);
    assert.deepEqual(lab.fired(), []);
    assert.deepEqual(lab.data('b'), [2]);
    assert.equal(lab.waiting('a'), 1);
    assert.equal(lab.waiting('b'), 1);
  });

  it('RS-21, deliberately other: a persistent receive that matches stays', async () => {
    await lab.produce('a', 1);
    await lab.consume(['a'], [any], { persist: true });
    assert.deepEqual(captures(lab), [[1]]);
    assert.equal(lab.waiting('a'), 1);
    await lab.consume(['a'], [any], { persist: true });
    assert.equal(lab.waiting('a'), 2);
    assert.deepEqual(lab.data('a'), []);
  });

  it('RS-22, deliberately other: of two persistent receives the older gets the next message', async () => {
    await lab.produce('a', 1);
    await lab.consume(['a'], [any], { persist: true, label: 'old' });
    await lab.consume(['a'], [any], { persist: true, label: 'new' });
    lab.fired();
    await lab.produce('a', 2);
    assert.deepEqual(lab.fired(), [{ label: 'old', captures: [2] }]);
    assert.equal(lab.waiting('a'), 2);
    assert.deepEqual(lab.data('a'), []);
  });

  it('RS-23: a persistent receive takes one message after the other', async () => {
    await lab.consume(['a'], [any], { persist: true });
    await lab.produce('a', 1);
    await lab.produce('a', 2);
    assert.deepEqual(captures(lab), [[1], [2]]);
    assert.equal(lab.waiting('a'), 1);
    assert.deepEqual(lab.data('a'), []);
  });

  it('RS-24, deliberately other: a persistent message stays when it matches, and a second one lies beside it', async () => {
    await lab.consume(['a'], [any]);
    await lab.produce('a', 1, { persist: true });
    await lab.produce('a', 1, { persist: true });
    assert.deepEqual(captures(lab), [[1]]);
    assert.deepEqual(lab.data('a'), [1, 1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-25 and RS-26: a persistent message serves one receive after the other', async () => {
    await lab.produce('a', 1, { persist: true });
    await lab.consume(['a'], [any]);
    await lab.consume(['a'], [any]);
    assert.deepEqual(captures(lab), [[1], [1]]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-27, deliberately other: one persistent receive takes all three messages, and stays', async () => {
    for (const value of [1, 2, 3]) await lab.produce('a', value);
    await lab.consume(['a'], [any], { persist: true });
    assert.deepEqual(captures(lab), [[1], [2], [3]]);
    assert.equal(lab.waiting('a'), 1);
    assert.deepEqual(lab.data('a'), []);
  });

  it('RS-28: one persistent message serves both slots of a join', async () => {
    await lab.produce('a', 1, { persist: true });
    await lab.consume(['a', 'a'], [any, any]);
    assert.deepEqual(captures(lab), [[1, 1]]);
    assert.deepEqual(lab.data('a'), [1]);
    assert.equal(lab.waiting('a'), 0);
  });

  it('RS-35, deliberately other: an install meets the messages that wait, and runs', async () => {
    await lab.produce('a', 1);
    await lab.install('a', 'native');
    assert.deepEqual(lab.fired(), [{ label: 'native', captures: [1] }]);
    await lab.produce('a', 2);
    assert.deepEqual(lab.fired(), [{ label: 'native', captures: [2] }]);
    assert.deepEqual(lab.data('a'), []);
  });

  it('RS-36: a join whose channels and patterns differ in number cannot be said: each slot has both', async () => {
    await assert.rejects(
      lab.engine.post({ kind: 'test', payload: null, account: 1 }, () =>
        lab.engine.tuples.consume(
          { slots: [], persist: false, body: { label: 'k', term: null, place: 0, environment: [] } },
          1,
        ),
      ),
      (error: { code: string; message: string }) =>
        error.code === 'bad_request' && /at least one channel/.test(error.message),
    );
    clean('a');
  });

  it('RS-37: nobody but the owner receives on an installed channel', async () => {
    await lab.install('a', 'native');
    await assert.rejects(
      lab.engine.post({ kind: 'test', payload: null, account: 1 }, () =>
        lab.engine.tuples.consume(
          {
            slots: [{ channel: 'a', pattern: any, peek: false }],
            persist: false,
            body: { label: 'k', term: null, place: 0, environment: [] },
          },
          1,
        ),
      ),
      { code: 'channel_owned' },
    );
  });

  it('RS-43: two equal receives are two', async () => {
    await lab.consume(['a'], [any]);
    await lab.consume(['a'], [any]);
    await lab.produce('a', 1);
    await lab.produce('a', 2);
    assert.deepEqual(captures(lab), [[1], [2]]);
    clean('a');
  });

  // The people of the worked examples: a message is a list of name and city.
  const person = (name: string, city: string): Value => list([name, city]);
  const inCity = (city: string): MessagePattern => compilePattern([list([new FreeVariable(0), city])], null);

  it('RS-50: a pattern on a field takes the message that has it and leaves the other', async () => {
    await lab.produce('friends', person('dan', 'Y'));
    await lab.produce('friends', person('erin', 'X'));
    await lab.consume(['friends'], [inCity('X')]);
    assert.deepEqual(captures(lab), [['erin']]);
    assert.equal(lab.data('friends').length, 1);
  });

  it('RS-51 and RS-52: a join on one channel twice, before and after its messages', async () => {
    await lab.consume(['f', 'f'], [inCity('X'), inCity('X')]);
    await lab.produce('f', person('bob', 'X'));
    assert.deepEqual(lab.fired(), []);
    await lab.produce('f', person('bob', 'X'));
    assert.deepEqual(captures(lab), [['bob', 'bob']]);
    await lab.produce('f', person('bob', 'X'));
    await lab.produce('f', person('bob', 'X'));
    await lab.consume(['f', 'f'], [inCity('X'), inCity('X')]);
    assert.deepEqual(captures(lab), [['bob', 'bob']]);
    clean('f');
  });

  it('RS-53: captures come in the order of the slots', async () => {
    await lab.consume(['col', 'f', 'f'], [any, any, any]);
    await lab.produce('f', 'bob');
    await lab.produce('f', 'bob');
    assert.deepEqual(lab.fired(), []);
    await lab.produce('col', 'alice');
    assert.deepEqual(captures(lab), [['alice', 'bob', 'bob']]);
    clean('col', 'f');
  });

  const nine: readonly [string, string][] = [
    ['fam', 'carol'],
    ['col', 'alice'],
    ['f', 'bob'],
    ['fam', 'carol'],
    ['col', 'alice'],
    ['fam', 'carol'],
    ['f', 'bob'],
    ['col', 'alice'],
    ['fam', 'carol'],
  ];
  const inOrder = ['fam', 'fam', 'fam', 'fam', 'col', 'col', 'col', 'f', 'f'];

  it('RS-54: a join of nine slots on three channels waits for the ninth message', async () => {
    await lab.consume(
      inOrder,
      inOrder.map(() => any),
    );
    for (const [index, [channel, who]] of nine.entries()) {
      assert.deepEqual(lab.fired(), [], `after ${index} messages`);
      await lab.produce(channel, who);
    }
    assert.deepEqual(captures(lab), [['carol', 'carol', 'carol', 'carol', 'alice', 'alice', 'alice', 'bob', 'bob']]);
    clean('fam', 'col', 'f');
  });

  it('RS-55: the same join finds its nine messages at once', async () => {
    for (const [channel, who] of nine) await lab.produce(channel, who);
    await lab.consume(
      inOrder,
      inOrder.map(() => any),
    );
    assert.deepEqual(captures(lab), [['carol', 'carol', 'carol', 'carol', 'alice', 'alice', 'alice', 'bob', 'bob']]);
    clean('fam', 'col', 'f');
  });

  it('RS-56: slots in a mixed order get their messages in that order', async () => {
    const mixed = ['fam', 'col', 'fam', 'f', 'f', 'fam', 'col', 'col', 'fam'];
    for (const [channel, who] of nine) await lab.produce(channel, who);
    await lab.consume(
      mixed,
      mixed.map(() => any),
    );
    assert.deepEqual(captures(lab), [['carol', 'alice', 'carol', 'bob', 'bob', 'carol', 'alice', 'alice', 'carol']]);
    clean('fam', 'col', 'f');
  });
});
