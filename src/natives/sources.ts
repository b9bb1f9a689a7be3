/**
 * Sources whose native end is a host's: what a host pushes goes on as an arrival, and it is told when there is room for
 * more. Owns the table of those that are open. A host that comes back is given each again, as resumed, and decides what
 * that means; of one that does not come back the readers are told.
 */
import type { Source } from '../../channels/index.ts';
import { readPowerHandle } from '../capability/index.ts';
import { ERROR_CODES, type ErrorCode, isPowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import type { HostConnection } from './connection.ts';
import type { Host, HostListener } from './host.ts';
import type { MadeReader } from './made.ts';
import type { ToNode } from './protocol.ts';
import type { HostTokens } from './tokens.ts';

interface Opened {
  readonly native: string;
  readonly source: Source;
  readonly grant: string;
  readonly handle: Value;
  readonly reader: MadeReader;
  /** Pushes that are not durable yet, or wait for room. */
  pushing: number;
}

export class HostSources implements HostListener {
  readonly #host: Host;
  readonly #tokens: HostTokens;
  readonly #open = new Map<string, Opened>();

  constructor(host: Host, tokens: HostTokens) {
    this.#host = host;
    this.#tokens = tokens;
    host.listen(this);
  }

  open(native: string, source: Source, reader: MadeReader): void {
    const { grant, rest } = readPowerHandle(source.handle);
    const opened: Opened = { native, source, grant, handle: rest[0] ?? null, reader, pushing: 0 };
    const { connection, state, absence } = this.#host;
    if (state === 'failed' || state === 'stopped') {
      void source.fail({ code: 'not_available', message: `its host is not there: ${absence}` });
      return;
    }
    this.#open.set(source.id, opened);
    source.signal.addEventListener('abort', () => this.#closed(source.id), { once: true });
    if (connection !== null) this.#tell(connection, opened, source.resumed);
  }

  connected(connection: HostConnection): void {
    for (const opened of this.#open.values()) this.#tell(connection, opened, true);
  }

  disconnected(isFinal: boolean): void {
    if (!isFinal) return;
    for (const { source } of [...this.#open.values()])
      void source.fail({ code: 'not_available', message: `its host is not there: ${this.#host.absence}` });
    this.#open.clear();
  }

  push(connection: HostConnection, id: number, { source, message, state, last }: ToNode<'push'>): void {
    const opened = this.#open.get(source);
    if (opened === undefined) {
      connection.tell('pushed', id, { taken: false });
      return;
    }
    if (opened.pushing >= limits.host_pushes_max) {
      this.#end(source, { code: 'busy', message: 'its host does not wait for its reader' });
      return;
    }
    opened.pushing++;
    this.#pushed(opened, message, state, last).then((taken) => {
      opened.pushing--;
      connection.tell('pushed', id, { taken });
    });
  }

  async #pushed(opened: Opened, message: readonly Value[], state: Value | undefined, last: boolean): Promise<boolean> {
    const { source, reader, grant } = opened;
    try {
      const made = message.map((item) => reader.made(item, grant));
      const kept = state === undefined ? {} : { state: this.#tokens.inward(state) };
      return await source.push(made, { ...kept, ...(last ? { last } : {}) });
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      return source.fail({ code: 'native_failed', message: error.message });
    }
  }

  fail(connection: HostConnection, id: number, { source, error }: ToNode<'fail'>): void {
    const code = ERROR_CODES.includes(error.code as ErrorCode) ? (error.code as ErrorCode) : 'native_failed';
    const taken = this.#open.has(source);
    this.#end(source, { code, message: error.message });
    connection.tell('pushed', id, { taken });
  }

  #end(id: string, error: { readonly code: ErrorCode; readonly message: string }): void {
    const opened = this.#open.get(id);
    if (opened !== undefined) void opened.source.fail(error);
  }

  #closed(id: string): void {
    this.#open.delete(id);
    this.#host.connection?.tell('close', 0, { source: id });
  }

  #tell(connection: HostConnection, { native, source, grant, handle }: Opened, resumed: boolean): void {
    try {
      connection.tell('open', 0, {
        source: source.id,
        native,
        grant,
        handle: this.#tokens.outward(handle),
        account: source.account,
        state: source.state === undefined ? undefined : this.#tokens.outward(source.state),
        resumed,
      });
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      void source.fail({ code: error.code, message: error.message });
    }
  }
}
