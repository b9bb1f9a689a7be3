/**
 * Where the output of programs and word of their failures lead: to who started them, as long as it listens, and else to
 * where the space was opened. Input is that of the opening: a program that another process has started has none.
 *
 * Owns who listens to which deploy, in memory: whoever goes away is not waited for.
 */
import type { Console } from '../../../resolvers/index.ts';
import type { FailureReport } from '../types.ts';

/** Who started a program and listens to it; each answers whether it was taken. */
export interface Outlet {
  stdout(bytes: Uint8Array): Promise<boolean>;
  stderr(bytes: Uint8Array): Promise<boolean>;
  failed(failure: FailureReport): Promise<boolean>;
}

export class Outlets {
  readonly #console: Console;
  readonly #tell: (failure: FailureReport) => void;
  readonly #outlets = new Map<number, Outlet>();
  /** Deploys that are being started: whose output it is, is known in a moment. */
  readonly #starting = new Set<Promise<unknown>>();
  /** That of the opening, but for deploys whose output is led elsewhere. */
  readonly console: Console;

  constructor(console: Console, tell: (failure: FailureReport) => void) {
    this.#console = console;
    this.#tell = tell;
    this.console = {
      stdout: (bytes, account) => this.#write('stdout', bytes, account),
      stderr: (bytes, account) => this.#write('stderr', bytes, account),
      readLine: (signal) => console.readLine(signal),
      ...(console.readBytes === undefined
        ? {}
        : { readBytes: (count, signal) => (console.readBytes as Required<Console>['readBytes'])(count, signal) }),
    };
  }

  async #write(stream: 'stdout' | 'stderr', bytes: Uint8Array, account = 0): Promise<void> {
    if (this.#starting.size > 0) await this.#known(account);
    const outlet = this.#outlets.get(account);
    if (outlet !== undefined && (await outlet[stream](bytes))) return;
    await this.#console[stream](bytes);
  }

  async #known(account: number): Promise<void> {
    while (!this.#outlets.has(account) && this.#starting.size > 0) await Promise.allSettled([...this.#starting]);
  }

  readonly tell = (failure: FailureReport): void => {
    void this.#told(failure);
  };

  async #told(failure: FailureReport): Promise<void> {
    if (this.#starting.size > 0) await this.#known(failure.deploy);
    const outlet = this.#outlets.get(failure.deploy);
    if (outlet === undefined || !(await outlet.failed(failure))) this.#tell(failure);
  }

  /** What `start` starts is listened to from its first word on. */
  async starting<T extends { readonly id: number } | null>(outlet: Outlet, start: () => Promise<T>): Promise<T> {
    const started = start().then((deploy) => {
      if (deploy !== null) this.#outlets.set(deploy.id, outlet);
      return deploy;
    });
    const over = started.catch(() => undefined).finally(() => this.#starting.delete(over));
    this.#starting.add(over);
    return started;
  }

  listen(deploy: number, outlet: Outlet): void {
    this.#outlets.set(deploy, outlet);
  }

  /** Called when whoever listened is gone. */
  forget(outlet: Outlet): void {
    for (const [deploy, listening] of this.#outlets) if (listening === outlet) this.#outlets.delete(deploy);
  }
}
