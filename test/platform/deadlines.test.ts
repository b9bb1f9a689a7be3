/** Time limits: each ends when it is due, none before, and one timer does for all of them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Deadlines, NOWHERE } from '../../src/platform/index.ts';

/** A clock that is moved by hand, and the timers that were set on it. */
class Machine {
  now_ms = 0;
  readonly timers = new Map<object, { readonly due_ms: number; readonly run: () => void }>();
  readonly deadlines = new Deadlines({
    clock: { now_ms: () => this.now_ms, monotonic_ms: () => this.now_ms },
    timers: {
      after: (delay_ms, run) => {
        const id = {};
        this.timers.set(id, { due_ms: this.now_ms + delay_ms, run });
        return { cancel: () => void this.timers.delete(id) };
      },
      soon: () => assert.fail('nothing is done soon'),
    },
  });

  /** Time goes on, timer by timer. */
  to(end_ms: number): void {
    for (;;) {
      const next = [...this.timers].sort(([, left], [, right]) => left.due_ms - right.due_ms)[0];
      if (next === undefined || next[1].due_ms > end_ms) break;
      this.timers.delete(next[0]);
      this.now_ms = Math.max(this.now_ms, next[1].due_ms);
      next[1].run();
    }
    this.now_ms = end_ms;
  }
}

class Item {
  due_ms = 0;
  place = NOWHERE;
  expired_ms: number | null = null;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  expired(): void {
    assert.equal(this.expired_ms, null, 'twice');
    this.expired_ms = this.#machine.now_ms;
  }
}

describe('deadlines', () => {
  it('each is called when it is due and never before, however often it is moved; one timer at most', () => {
    const step = fc.record({
      item: fc.nat(7),
      act: fc.constantFrom('watch', 'watch', 'forget'),
      in_ms: fc.nat(50),
      after_ms: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new Machine();
        const items = Array.from({ length: 8 }, () => new Item(machine));
        const watched = new Map<Item, number>();
        for (const { item: index, act, in_ms, after_ms } of steps) {
          const item = items[index] as Item;
          if (item.expired_ms === null) {
            if (act === 'watch') {
              item.due_ms = machine.now_ms + in_ms;
              watched.set(item, item.due_ms);
              machine.deadlines.watch(item, machine.now_ms);
            } else if (watched.delete(item)) machine.deadlines.forget(item);
          }
          assert.ok(machine.timers.size <= 1);
          machine.to(machine.now_ms + after_ms);
          for (const [each, due_ms] of watched) {
            if (each.expired_ms === null) assert.ok(due_ms > machine.now_ms, 'forgotten');
            else assert.ok(Math.abs(each.expired_ms - due_ms) <= 1, `${each.expired_ms} for ${due_ms}`);
          }
          for (const each of items) if (!watched.has(each)) assert.equal(each.expired_ms, null);
        }
        machine.to(machine.now_ms + 100);
        for (const each of watched.keys()) assert.notEqual(each.expired_ms, null);
        assert.equal(machine.timers.size, 0, 'a timer with nothing to wait for');
      }),
    );
  });

  it('one that is due may end others, which are not called then', () => {
    const machine = new Machine();
    const second = new Item(machine);
    second.due_ms = 5;
    const first = { due_ms: 5, place: NOWHERE, expired: () => machine.deadlines.forget(second) };
    machine.deadlines.watch(first, 0);
    machine.deadlines.watch(second, 0);
    machine.to(10);
    assert.equal(second.expired_ms, null);
    assert.equal(machine.timers.size, 0);
  });
});
