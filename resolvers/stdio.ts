/**
 * Answers on the channels of standard input and output. Owns nothing: the console is handed in, and so is the
 * printer of values. Output has recovery `repeat`: a line may appear twice after a crash, never not at all.
 */
import { output, stderr, stderrAck, stdout, stdoutAck } from '../channels/index.ts';
import type { ChannelDeclaration } from '../channels/index.ts';
import { readStreamHandle } from '../src/capability/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import type { Value } from '../src/values/index.ts';
import { bytesOf } from './answer.ts';
import type { Console } from './console.ts';
import { grantGone, OpenSources } from './granted.ts';
import { inputNative } from './stdin.ts';
import type { Resolver } from './resolver.ts';

export interface StdioOptions {
  readonly console: Console;
  /** A value in Rholang syntax, strings quoted. */
  readonly show: (value: Value) => string;
}

type Stream = 'stdout' | 'stderr';

export class StdioResolver implements Resolver<'stdio'> {
  readonly kind = 'stdio';
  readonly natives: readonly Native[];
  readonly #granted = new Set<string>();
  readonly #lines = new OpenSources();

  constructor(options: StdioOptions) {
    const granted: StreamGranted = (id) => this.#granted.has(id);
    this.natives = [
      plainNative(options, granted, stdout, 'stdout'),
      plainNative(options, granted, stdoutAck, 'stdout'),
      plainNative(options, granted, stderr, 'stderr'),
      plainNative(options, granted, stderrAck, 'stderr'),
      {
        declaration: output,
        call: (call) => onStream(granted, call, (stream) => writeText(options.console, stream, call)),
      },
      inputNative(options.console, granted, this.#lines),
    ];
  }

  grant(id: string): void {
    this.#granted.add(id);
  }

  has(id: string): boolean {
    return this.#granted.has(id);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
    this.#lines.revoke(id);
  }

  close(): void {
    this.#granted.clear();
  }
}

/** Whether this grant of standard input and output stands. */
export type StreamGranted = (id: string) => boolean;

/** A string or bytes as they are; `print` ends the line, `flush` has none. Also what the system process does. */
export async function writeText(
  console: Console,
  stream: Stream,
  { method, args, account }: NativeCall,
): Promise<NativeAnswer> {
  // Streams take what they are given in its order, so that nothing follows everything.
  const bytes = method === 'flush' ? new Uint8Array(0) : bytesOf(args[0]);
  return write(console, stream, method === 'print' ? withNewline(bytes) : bytes, account);
}

function plainNative(
  { console, show }: StdioOptions,
  granted: StreamGranted,
  declaration: ChannelDeclaration,
  stream: Stream,
): Native {
  return {
    declaration,
    async call({ args, handle, account }) {
      if (typeof handle !== 'string' || !granted(handle)) return { error: grantGone(String(handle)) };
      return write(console, stream, bytesOf(`${show(args[0] as Value)}\n`), account);
    },
  };
}

async function onStream(
  granted: StreamGranted,
  { handle }: NativeCall,
  use: (stream: Stream) => Promise<NativeAnswer>,
): Promise<NativeAnswer> {
  const { grant, stream } = readStreamHandle(handle);
  return granted(grant) ? use(stream === 'stderr' ? 'stderr' : 'stdout') : { error: grantGone(grant) };
}

async function write(console: Console, stream: Stream, bytes: Uint8Array, account: number): Promise<NativeAnswer> {
  try {
    await console[stream](bytes, account);
    return { ok: null };
  } catch (error) {
    // A reader that went away is an expected end of a stream, not a fault of the native.
    return {
      error: {
        code: 'file_failed',
        message: `${stream} could not be written: ${error instanceof Error ? error.message : 'closed'}`,
      },
    };
  }
}

function withNewline(bytes: Uint8Array): Uint8Array {
  const line = new Uint8Array(bytes.length + 1);
  line.set(bytes);
  line[bytes.length] = 10;
  return line;
}
