/** A turn that keeps facts and installs, and survives a restart: what the powerbox uses of one. */
import type { Body, Turn } from '../../src/space/index.ts';
import { Name, channelKey } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

export class FakeTurn {
  readonly facts = new Map<string, Value>();
  /** What is installed, by channel. */
  readonly installed = new Map<string, Body>();
  drawn = 0;

  get turn(): Turn {
    const kept = {
      newName: () => new Name(null, 0, ++this.drawn, new Uint8Array(32).fill(this.drawn)),
      fact: (key: string) => this.facts.get(key),
      setFact: (key: string, value: Value) => this.facts.set(key, value),
      install: (channel: Value, _: unknown, body: Body) => this.installed.set(key(channel), body),
    };
    return kept as unknown as Turn;
  }

  at(channel: Value): Body | undefined {
    return this.installed.get(key(channel));
  }
}

function key(channel: Value): string {
  return String(channelKey(channel));
}
