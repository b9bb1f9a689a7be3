/**
 * Faults of the disk, for tests: replaces the calls of `node:fs/promises` for a while, counts them, and makes the
 * n-th fail, or never end. A call that never ends leaves the disk as a process killed at that moment leaves it,
 * for nothing of what would follow is run.
 */
import fs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

export type Fault =
  /** The process dies before the call, or after it. */
  | 'die-before'
  | 'die-after'
  /** The call fails and does nothing; a write that fails has written half. */
  | 'EIO'
  | 'ENOSPC';

/** How many calls were made, and whether the fault came. */
export interface Faulty {
  calls: number;
  struck: boolean;
  /** Resolves when the process would have died. */
  readonly died: Promise<void>;
  /** Counts from now on. */
  arm(): void;
  /** Puts the calls back; what a dead process held open is closed, as the system would. */
  restore(): Promise<void>;
}

const FUNCTIONS = ['open', 'rename', 'mkdir', 'unlink', 'rmdir', 'readdir', 'lstat', 'readFile'] as const;
const METHODS = ['write', 'sync', 'truncate', 'chmod', 'read', 'stat', 'readFile'] as const;

type AnyFunction = (...args: unknown[]) => Promise<unknown>;

export async function injectFault(strikeAt: number, fault: Fault, onDeath?: () => void): Promise<Faulty> {
  const probe = await fs.promises.open('/');
  const prototype = Object.getPrototypeOf(probe) as Record<string, AnyFunction>;
  await probe.close();
  const functions = fs.promises as unknown as Record<string, AnyFunction>;
  const undo: (() => void)[] = [];
  const handles: FileHandle[] = [];
  let armed = false;
  let die: () => void = () => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const state: Faulty = {
    calls: 0,
    struck: false,
    died,
    arm() {
      armed = true;
    },
    async restore() {
      for (const run of undo) run();
      syncBuiltinESMExports();
      if (!state.struck || !fault.startsWith('die')) return;
      for (const handle of handles) if (handle.fd >= 0) await handle.close();
    },
  };

  async function strike(name: string, run: () => Promise<unknown>, half: () => Promise<unknown>): Promise<unknown> {
    if (state.struck && fault.startsWith('die')) return new Promise(() => {});
    if (!armed || ++state.calls !== strikeAt) return run();
    state.struck = true;
    if (fault === 'die-before' || fault === 'die-after') {
      if (fault === 'die-after') await run().catch(() => undefined);
      onDeath?.();
      die();
      return new Promise(() => {});
    }
    await half();
    throw Object.assign(new Error(`${fault}: injected, ${name}`), { code: fault });
  }

  function patch(target: Record<string, AnyFunction>, name: string): void {
    const original = target[name] as AnyFunction;
    undo.push(() => {
      target[name] = original;
    });
    target[name] = function patched(this: unknown, ...args: unknown[]) {
      const run = async (): Promise<unknown> => {
        const result = await original.apply(this, args);
        if (name === 'open' && target === functions) handles.push(result as FileHandle);
        return result;
      };
      const half = async (): Promise<unknown> => {
        if (name !== 'write' || typeof args[2] !== 'number') return undefined;
        return original.apply(this, [args[0], args[1], args[2] >> 1, args[3]]);
      };
      return strike(name, run, half);
    };
  }

  for (const name of FUNCTIONS) patch(functions, name);
  for (const name of METHODS) patch(prototype, name);
  syncBuiltinESMExports();
  return state;
}
