/** Answers on channels of randomness. Owns the grants; the randomness is the platform's. */
import { random } from '../channels/index.ts';
import type { PowerOf } from '../src/capability/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import type { Randomness } from '../src/platform/index.ts';
import { bytes, int } from '../src/values/index.ts';
import { Granted } from './granted.ts';
import type { Resolver } from './resolver.ts';

type RandomPower = PowerOf<'random'>;

export class RandomResolver implements Resolver<'random'> {
  readonly kind = 'random';
  readonly natives: readonly Native[];
  readonly #granted = new Granted<RandomPower>();

  constructor(randomness: Randomness) {
    this.natives = [
      {
        declaration: random,
        call: (call) => this.#granted.under(call.handle, (power) => answer(randomness, power, call)),
      },
    ];
  }

  grant(id: string, power: RandomPower): void {
    this.#granted.set(id, power);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  close(): void {
    this.#granted.clear();
  }
}

function answer(randomness: Randomness, { bytes_max }: RandomPower, { method, args }: NativeCall): NativeAnswer {
  switch (method) {
    case 'bytes': {
      const count = args[0] as number;
      if (count <= bytes_max) return { ok: bytes(randomness.bytes(count)) };
      const message = `this grant answers at most ${bytes_max} random bytes at once, but ${count} were asked for`;
      return { error: { code: 'value_too_large', message } };
    }
    case 'int': {
      const [least, greatest] = [BigInt(args[0] as number | bigint), BigInt(args[1] as number | bigint)];
      if (least <= greatest) return { ok: int(least + below(randomness, greatest - least + 1n)) };
      const message = `least must not be above greatest, but ${least} and ${greatest} came`;
      return { error: { code: 'arguments_invalid', message } };
    }
    default:
      throw new Error(`random has no method ${method}`);
  }
}

/** A whole number in [0, bound), each as likely: of as many bits as are needed, and drawn again when it is past the bound. */
function below(randomness: Randomness, bound: bigint): bigint {
  const bits = (bound - 1n).toString(2).length;
  for (;;) {
    let drawn = 0n;
    for (const byte of randomness.bytes(Math.ceil(bits / 8))) drawn = (drawn << 8n) | BigInt(byte);
    drawn = BigInt.asUintN(bits, drawn);
    if (drawn < bound) return drawn;
  }
}
