/** Rates that an operator grants. */
import assert from 'node:assert/strict';
import { Bucket } from '../../resolvers/net/bucket.ts';
import { HandClock } from '../dispatch/support/world.ts';

describe('a bucket', () => {
  it('gives a second at once, then in turn as it fills, with one timer for all', () => {
    const time = new HandClock();
    const bucket = new Bucket(time, 100);
    const ran: string[] = [];
    assert.equal(
      bucket.take(60, () => ran.push('a')),
      null,
    );
    bucket.take(60, () => ran.push('b'));
    bucket.take(10, () => ran.push('c'));
    assert.deepEqual(ran, ['a']);
    assert.equal(time.waiting, 1);
    time.advance(199);
    assert.deepEqual(ran, ['a']);
    time.advance(1);
    assert.deepEqual(ran, ['a', 'b'], 'the small one does not overtake');
    time.advance(100);
    assert.deepEqual(ran, ['a', 'b', 'c']);
    assert.equal(time.waiting, 0);
  });

  it('what is more than a second holds waits for a full one, and the next waits the longer', () => {
    const time = new HandClock();
    const bucket = new Bucket(time, 100);
    const ran: string[] = [];
    bucket.take(250, () => ran.push('large'));
    bucket.take(1, () => ran.push('small'));
    assert.deepEqual(ran, ['large']);
    time.advance(1_509);
    assert.deepEqual(ran, ['large']);
    time.advance(1);
    assert.deepEqual(ran, ['large', 'small']);
  });

  it('it never holds more than a second, however long nobody took', () => {
    const time = new HandClock();
    const bucket = new Bucket(time, 10);
    time.advance(1e6);
    let ran = 0;
    for (let count = 0; count < 20; count++) bucket.take(1, () => ran++);
    assert.equal(ran, 10);
    bucket.close();
    assert.equal(time.waiting, 0);
  });

  it('whoever leaves the line takes nothing, and the last one leaves no timer', () => {
    const time = new HandClock();
    const bucket = new Bucket(time, 10);
    const ran: string[] = [];
    bucket.take(10, () => ran.push('a'));
    const second = bucket.take(10, () => ran.push('b'));
    const third = bucket.take(1, () => ran.push('c'));
    second?.cancel();
    time.advance(1_000);
    assert.deepEqual(ran, ['a', 'c']);
    const fourth = bucket.take(10, () => ran.push('d'));
    fourth?.cancel();
    third?.cancel();
    assert.equal(time.waiting, 0);
    assert.deepEqual(ran, ['a', 'c']);
  });

  it('what has happened already is paid afterwards', () => {
    const time = new HandClock();
    const bucket = new Bucket(time, 100);
    assert.equal(bucket.spend(99), true);
    assert.equal(bucket.spend(51), false);
    let resumed = false;
    bucket.take(0, () => (resumed = true));
    time.advance(499);
    assert.equal(resumed, false);
    time.advance(1);
    assert.equal(resumed, true);
  });
});
