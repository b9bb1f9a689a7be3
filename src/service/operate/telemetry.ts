/**
 * Follows messages from clients through contracts to natives and back, as OpenTelemetry has it. Each message is a trace:
 * its request, each turn that it sets in motion, each call of a native, each turn that goes on from the answer. What is
 * told of a step is its name, its outcome, and names of spaces and holders.
 *
 * Speaks the API of OpenTelemetry and owns a small provider for it, with identities of traces and spans; who wants another
 * provider hands in its tracer. A trace has a bounded number of steps: a program that goes on for ever is not followed
 * for ever.
 */
import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Exception,
  type Link,
  ROOT_CONTEXT,
  type Span as ApiSpan,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import type { ServiceConfig } from '../../capability/index.ts';
import { limits } from '../../limits.ts';
import type { Platform } from '../../platform/index.ts';
import type { Follow, Span, SpanFields } from '../../space/index.ts';
import { type FinishedSpan, OtlpExporter } from './otlp.ts';

export interface Telemetry {
  /** For one space: whether a message is followed, and its first step. */
  follow(space: string): Follow;
  /** Sends what is still to be sent. */
  close(): Promise<void>;
}

/** Null where the operator wants none: then nothing is followed, and nothing is done for it. */
export function openTelemetry(
  config: ServiceConfig['telemetry'],
  { platform, failed }: { readonly platform: Platform; readonly failed: (why: string) => void },
): Telemetry | null {
  if (config === undefined) return null;
  const headers = Object.fromEntries(Object.entries(config.headers).map(([name, secret]) => [name, secret.reveal()]));
  const exporter = new OtlpExporter({ endpoint: config.endpoint, headers, platform, failed });
  const tracer = new OwnTracer(platform, config.ratio, (span) => exporter.add(span));
  return { follow: (space) => followerOf(tracer, space), close: () => exporter.close() };
}

/** Messages of a space as traces of any tracer. */
export function followerOf(tracer: Tracer, space: string): Follow {
  return (name, fields, parent = null) => {
    const context = contextOf(parent);
    const { mode = 'transaction' } = fields;
    const attributes = named({ ...fields, mode }, space);
    const started = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, context);
    if (!started.isRecording()) return null;
    return new Step(tracer, space, started, { left: limits.telemetry_steps_max, mode });
  };
}

/** Version, trace, span, flags; a later version than ours may say more after a further hyphen. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Where a message comes from that says so. What is no `traceparent` is as if it were not there, as the W3C wants it. */
function contextOf(parent: string | null): Context {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(parent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  if (version === '00' && more !== undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Attributes have the name of the product before theirs. */
function named(fields: SpanFields, space: string): Attributes {
  const attributes = Object.entries(fields).map(([name, value]) => [`powerbox.${name}`, value]);
  return { 'powerbox.space': space, ...Object.fromEntries(attributes) };
}

class Step implements Span {
  readonly #tracer: Tracer;
  readonly #space: string;
  readonly #span: ApiSpan;
  /** Of the whole trace: how many more may be told of, and in which mode all of it runs. */
  readonly #steps: { left: number; readonly mode: SpanFields[string] };
  #context: Context | null = null;
  #ended = false;

  constructor(
    tracer: Tracer,
    space: string,
    span: ApiSpan,
    steps: { left: number; readonly mode: SpanFields[string] },
  ) {
    this.#tracer = tracer;
    this.#space = space;
    this.#span = span;
    this.#steps = steps;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`;
  }

  begin(name: string, fields: SpanFields): Span | null {
    if (this.#steps.left-- <= 0) return null;
    this.#context ??= trace.setSpan(ROOT_CONTEXT, this.#span);
    const attributes = named({ mode: this.#steps.mode, ...fields }, this.#space);
    const started = this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, this.#context);
    return new Step(this.#tracer, this.#space, started, this.#steps);
  }

  end(outcome: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (outcome !== 'ok') this.#span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
    this.#span.end();
  }
}

// ---------------------------------------------------------------- the small provider

class OwnTracer implements Tracer {
  readonly #platform: Platform;
  readonly #ratio: number;
  readonly #ended: (span: FinishedSpan) => void;

  constructor(platform: Platform, ratio: number, ended: (span: FinishedSpan) => void) {
    this.#platform = platform;
    this.#ratio = ratio;
    this.#ended = ended;
  }

  startSpan(name: string, { kind = SpanKind.INTERNAL, attributes = {} }: SpanOptions = {}, context?: Context): ApiSpan {
    const parent = context === undefined ? undefined : trace.getSpanContext(context);
    const traceId = parent?.traceId ?? this.#id(16);
    // Whoever sends a message may say that it is not to be followed; that it is to be is for the operator to say, too.
    const isAsked = parent === undefined || (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    const isOwn = parent !== undefined && parent.isRemote !== true;
    const isSampled = isAsked && (isOwn || this.#samples(traceId));
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return new OwnSpan({
      platform: this.#platform,
      ended: this.#ended,
      context: { traceId, spanId: this.#id(8), traceFlags },
      parentSpanId: parent?.spanId ?? null,
      name,
      kind,
      attributes,
    });
  }

  startActiveSpan<F extends (span: ApiSpan) => ReturnType<F>>(
    name: string,
    ...rest: readonly unknown[]
  ): ReturnType<F> {
    const run = rest.at(-1) as F;
    const [options, context] = rest.slice(0, -1) as [SpanOptions?, Context?];
    return run(this.startSpan(name, options, context));
  }

  #id(bytes: number): string {
    return Buffer.from(this.#platform.randomness.bytes(bytes)).toString('hex');
  }

  /** The same for all who see this trace. */
  #samples(traceId: string): boolean {
    return Number.parseInt(traceId.slice(-8), 16) < this.#ratio * 2 ** 32;
  }
}

interface OwnSpanOptions {
  readonly platform: Platform;
  readonly ended: (span: FinishedSpan) => void;
  readonly context: SpanContext;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

class OwnSpan implements ApiSpan {
  readonly #options: OwnSpanOptions;
  readonly #start_ms: number;
  readonly #began_ms: number;
  readonly #attributes: Attributes;
  #name: string;
  #status: SpanStatus = { code: SpanStatusCode.UNSET };
  #ended = false;

  constructor(options: OwnSpanOptions) {
    const { clock } = options.platform;
    this.#options = options;
    this.#name = options.name;
    this.#attributes = { ...options.attributes };
    this.#start_ms = clock.now_ms();
    this.#began_ms = clock.monotonic_ms();
  }

  spanContext(): SpanContext {
    return this.#options.context;
  }

  isRecording(): boolean {
    return !this.#ended && (this.#options.context.traceFlags & TraceFlags.SAMPLED) !== 0;
  }

  setAttribute(key: string, value: AttributeValue): this {
    this.#attributes[key] = value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    Object.assign(this.#attributes, attributes);
    return this;
  }

  setStatus(status: SpanStatus): this {
    this.#status = status;
    return this;
  }

  updateName(name: string): this {
    this.#name = name;
    return this;
  }

  /** Nothing here has any; a span of this provider is its name, its time, its attributes and its status. */
  addEvent(_name: string): this {
    return this;
  }

  addLink(_link: Link): this {
    return this;
  }

  addLinks(_links: Link[]): this {
    return this;
  }

  recordException(_exception: Exception, _time?: TimeInput): void {}

  end(): void {
    if (!this.isRecording()) return;
    this.#ended = true;
    const { platform, ended, context, parentSpanId, kind } = this.#options;
    const end_ms = this.#start_ms + platform.clock.monotonic_ms() - this.#began_ms;
    const times = { start_ms: this.#start_ms, end_ms };
    ended({
      context,
      parentSpanId,
      name: this.#name,
      kind,
      ...times,
      attributes: this.#attributes,
      status: this.#status,
    });
  }
}
