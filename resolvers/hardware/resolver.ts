/** Answers on channels of the hardware. Owns the grants; what it tells is measured when it is asked. */
import { hardware } from '../../channels/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../../src/natives/index.ts';
import { map } from '../../src/values/index.ts';
import { Granted } from '../granted.ts';
import type { Resolver } from '../resolver.ts';
import type { Machine, Measure } from './machine.ts';

export class HardwareResolver implements Resolver<'hardware'> {
  readonly kind = 'hardware';
  readonly natives: readonly Native[];
  readonly #granted = new Granted<true>();

  constructor(machine: Machine) {
    this.natives = [
      { declaration: hardware, call: (call) => this.#granted.under(call.handle, () => answer(machine, call)) },
    ];
  }

  grant(id: string): void {
    this.#granted.set(id, true);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  close(): void {
    this.#granted.clear();
  }
}

async function answer(machine: Machine, { method }: NativeCall): Promise<NativeAnswer> {
  switch (method) {
    case 'cores':
      return told(machine.millicores(), 'millicores');
    case 'memory':
      return told(machine.memory(), 'bytes');
    case 'disk': {
      const disk = await machine.disk();
      if (disk !== null) return told(disk, 'bytes');
      const message = 'there is no disk to tell of: the space is kept in memory, or its directory cannot be asked';
      return { error: { code: 'not_available', message } };
    }
    default:
      throw new Error(`hardware has no method ${method}`);
  }
}

function told({ total, granted, used, left }: Measure, unit: string): NativeAnswer {
  return {
    ok: map([
      [`total_${unit}`, total],
      [`granted_${unit}`, granted],
      [`used_${unit}`, used],
      [`left_${unit}`, left],
    ]),
  };
}
