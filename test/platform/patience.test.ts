/** Who waits patiently counts a standstill of the own process as a part of the wait, and no more. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { patiently } from '../../src/platform/index.ts';
import { HandClock } from '../dispatch/support/world.ts';

describe('a patient wait', () => {
  it('is over after its time, and not before', () => {
    const time = new HandClock();
    const ran: number[] = [];
    patiently(time.timers, 1_000, () => ran.push(time.clock.now_ms()));
    for (let part = 0; part < 100; part++) time.advance(50);
    deepStrictEqual(ran, [1_000]);
    strictEqual(time.waiting, 0);
  });

  it('is not over when everything stood still for longer than that', () => {
    const time = new HandClock();
    let ran = 0;
    patiently(time.timers, 1_000, () => ran++);
    time.advance(3_600_000);
    strictEqual(ran, 0);
    for (let part = 0; part < 3; part++) time.advance(249);
    strictEqual(ran, 0);
    for (let part = 0; part < 3; part++) time.advance(250);
    strictEqual(ran, 1);
  });

  it('ends whenever it is cancelled, and leaves no timer', () => {
    for (const passed_ms of [0, 300, 999]) {
      const time = new HandClock();
      let ran = 0;
      const waiting = patiently(time.timers, 1_000, () => ran++);
      for (let part = 0; part < passed_ms; part++) time.advance(1);
      waiting.cancel();
      strictEqual(time.waiting, 0);
      time.advance(10_000);
      strictEqual(ran, 0);
    }
  });
});
