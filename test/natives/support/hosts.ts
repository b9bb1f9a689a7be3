/** The example host in each of its three forms, and spaces that call it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { after as tearDown, before as setUp } from 'mocha';
import {
  type ConfigurationSource,
  isPowerboxError,
  openSpace,
  type OpenOptions,
  type Space,
} from '../../../src/index.ts';
import { fromValue, type Value } from '../../../src/values/index.ts';
import { program } from '../../crash/build.ts';
import { freePort } from '../../resolvers/ports.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** Not by `import.meta.resolve`, which is not there where a test is loaded in the older way. */
const TSX = new URL(
  'dist/esm/api/index.mjs',
  pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json')),
);

/** Threads load TypeScript, as this process does. The loader of this one leaves threads alone, so each has its own. */
const THREAD_OPTIONS = `--import data:text/javascript,import{register}from%22${TSX}%22;register()`;

export const KEY = 'a key of thirty-two bytes or more';
export const FORMS = ['module', 'command', 'url'] as const;
export type HostForm = (typeof FORMS)[number];

type NativeSource = NonNullable<ConfigurationSource['natives']>[string];

/** A program that serves the example at a port, as somebody else would run it. */
export class ExampleServer {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** At a port that is its own when it is started again. */
  static async start(before?: number): Promise<ExampleServer> {
    const port = before ?? (await freePort());
    const child = spawn(process.execPath, [...program('exampleServer'), KEY, `${port}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return new ExampleServer(child, line.toString().trim());
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

export function nativeOf(form: HostForm, url: string): NativeSource {
  if (form === 'module') return { module: here('./example.ts') };
  if (form === 'url') return { url, key: KEY, required: true };
  return { command: [process.execPath, ...program('example')], folder: here('.') };
}

/** A space in which alice holds the native `example`, and nothing else but standard output. */
export async function openWith(
  native: NativeSource,
  options: Omit<OpenOptions, 'config'> & { readonly grant?: object } = {},
): Promise<Space> {
  const { grant = {}, ...rest } = options;
  return openSpace({
    onFailure: () => {},
    onHostLine: () => {},
    ...rest,
    config: {
      version: 1,
      // A thread that loads TypeScript on a busy machine takes its time.
      natives: { example: { start_ms_max: 120_000, ...native } },
      powers: { example: { kind: 'host', native: 'example' } },
      holders: { alice: { grants: [{ power: 'example', ...grant }] }, bob: { grants: [] } },
    },
  });
}

/** Within this suite threads load TypeScript. */
export function threadsLoadTypeScript(): void {
  const before = process.env['NODE_OPTIONS'];
  setUp(() => {
    process.env['NODE_OPTIONS'] = THREAD_OPTIONS;
  });
  tearDown(() => {
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
  });
}

/** Why nothing was opened. */
export async function refusal(opening: Promise<Space>): Promise<{ readonly code: string; readonly message: string }> {
  try {
    await (await opening).close();
  } catch (error) {
    if (isPowerboxError(error)) return error;
    throw error;
  }
  throw new Error('it was opened');
}

let asked = 0;

/** What a call answers, called by a program of alice: an expression with `ex`, as `ex!?("add", 2, 3)`. */
export async function ask(space: Space, call: string, binds = ''): Promise<unknown> {
  const number = ++asked;
  const deploy = await space.run(
    `new ex(\`native:example\`), fresh in { ${binds === '' ? '' : `for (${binds}) {`} for (@answer <- ${call}) { @["answer", ${number}]!(answer) } ${binds === '' ? '' : '}'} }`,
    { holder: 'alice' },
  );
  const [[answer]] = (await space.consume([{ channel: ['answer', number] }])) as unknown as [[Value]];
  await deploy.quiescent();
  return plain(answer);
}

/** What an error says, as data; everything else as it is. */
function plain(answer: Value): unknown {
  const data = fromValue(answer) as unknown;
  return Array.isArray(data) && data[0] === 'error' && data.length === 2 ? data[1] : data;
}

/** The code of an error answer, or the answer itself when it is none. */
export async function codeOf(space: Space, call: string, binds = ''): Promise<unknown> {
  const answer = await ask(space, call, binds);
  return (answer as { readonly code?: unknown } | null)?.code ?? answer;
}

/** Resolves once it holds; for what another process does in its own time. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, limit_ms = 280_000): Promise<void> {
  const end = Date.now() + limit_ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it does not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
