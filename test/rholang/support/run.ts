/** Runs Rholang text on the tiny space or on the real one, with channels of the test in place of natives. */
import { compilePattern } from '../../../src/match/index.ts';
import { realPlatform } from '../../../src/platform/index.ts';
import { compileText, print } from '../../../src/rholang/index.ts';
import { RHO_LABEL, RholangRunner, rememberPositions } from '../../../src/rholang/machine/index.ts';
import { SpaceEngine } from '../../../src/space/index.ts';
import type { Task, TaskRouter, Turn } from '../../../src/space/index.ts';
import { FreeVariable, List, Send, kindOf, Kind } from '../../../src/values/index.ts';
import type { Name, Value } from '../../../src/values/index.ts';
import { TinySpace } from './tiny-space.ts';

/** Hears a message on the channel of a URI, and may answer it. */
export type Listener = (message: readonly Value[], turn: Turn) => void;
export type Listeners = Readonly<Record<string, Listener>>;

export interface Outcome {
  readonly failures: readonly Error[];
  readonly turns: number;
  /** What waits, in Rholang syntax; names without their bytes. Only the tiny space tells. */
  readonly waiting: readonly string[];
  readonly space: TinySpace | null;
}

export function runTiny(
  text: string,
  listeners: Listeners = {},
  turnsMax?: number,
): Outcome & { readonly space: TinySpace } {
  const space = new TinySpace(new RholangRunner());
  const uris = new Map<string, Value>();
  for (const [uri, listener] of Object.entries(listeners))
    uris.set(
      uri,
      space.listen((message) => listener(message, space)),
    );
  const { term, positions } = compileText(text, { uris });
  rememberPositions(term, positions);
  space.deploy(term);
  space.run(turnsMax);
  return { failures: space.failures, turns: space.turns, waiting: waitingIn(space), space };
}

function waitingIn(space: TinySpace): string[] {
  const found: string[] = [];
  for (const { key, data, waiting } of space.channels()) {
    for (const datum of data) found.push(show(new Send(key, datum.message, datum.persist)));
    for (const { receive } of waiting) {
      if (receive.slots[0]?.channel !== key && kindOf(key) === Kind.Name) continue;
      found.push(`for ${show(key)}`);
    }
  }
  return found.sort();
}

function show(value: Value): string {
  return print(value).replaceAll(/Unforgeable\(0x[0-9a-f]*…\)/g, 'Unforgeable');
}

const LISTENER = 'test:listener';
const ANYTHING = compilePattern([], new FreeVariable(0));

/** A deploy in a real space in memory, run until nothing is ready. */
export class RealSpace {
  readonly engine: SpaceEngine;
  readonly failures: Error[];
  readonly #listeners: Listener[] = [];
  readonly #uris = new Map<string, Value>();

  private constructor(engine: SpaceEngine, failures: Error[]) {
    this.engine = engine;
    this.failures = failures;
  }

  static async open(listeners: Listeners, options: { readonly yield_ms?: number } = {}): Promise<RealSpace> {
    const failures: Error[] = [];
    const engine = await SpaceEngine.open({
      platform: realPlatform(),
      store: null,
      nameKey: new Uint8Array(32),
      onFail: (_account, error) => failures.push(error),
      ...options,
    });
    const space = new RealSpace(engine, failures);
    const runner = new RholangRunner();
    const router: TaskRouter = {
      handling: () => 'inline',
      run: (task, turn) => (task.body.label === RHO_LABEL ? runner.run(task, turn) : space.#hear(task, turn)),
      deliver: () => {},
    };
    engine.start(router);
    for (const [uri, listener] of Object.entries(listeners)) space.#uris.set(uri, await space.#install(listener));
    return space;
  }

  #install(listener: Listener): Promise<Name> {
    const place = this.#listeners.push(listener) - 1;
    return this.engine.post({ kind: 'test', payload: null, account: 0 }, (turn) => {
      const name = turn.newName();
      turn.install(name, ANYTHING, { label: LISTENER, term: null, place, environment: [] });
      return name;
    });
  }

  #hear(task: Task, turn: Turn): void {
    const [message] = task.captures;
    this.#listeners[task.body.place]?.(message instanceof List ? message.items : [], turn);
  }

  deploy(text: string, account: number): Promise<void> {
    const { term, positions } = compileText(text, { uris: this.#uris });
    rememberPositions(term, positions);
    return this.engine.post({ kind: 'deploy', payload: null, account }, (turn) => {
      turn.spawn({ label: RHO_LABEL, term: turn.term(term), place: 0, environment: [] }, []);
    });
  }

  async settled(account: number): Promise<void> {
    while (this.engine.pending(account).ready > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  /** Stops a space in which something runs for ever, as a broken turn would. */
  breakDown(): Promise<void> {
    const broken = (): void => {
      throw new Error('the test is over');
    };
    return new Promise((resolve) => {
      this.engine.onClose(() => resolve());
      this.engine.post({ kind: 'test', payload: null, account: 0 }, broken).catch(() => {});
    });
  }
}

/** What a program sends to `out`, evaluated: the quickest way to look at expressions. */
export function results(
  body: string,
  listeners: Listeners = {},
): { readonly values: string[]; readonly failures: readonly Error[] } {
  const values: string[] = [];
  const out: Listener = (message) => values.push(message.map((value) => print(value)).join(', '));
  const { failures } = runTiny(`new out(\`out\`) in { ${body} }`, { ...listeners, out });
  return { values, failures };
}
