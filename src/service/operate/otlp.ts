/**
 * Sends spans to a collector: OTLP over HTTP, as JSON. Owns what is not sent yet, within a bound; what finds no room, or no
 * collector, is dropped and counted. Must never make anybody wait, nor say more than spans do.
 */
import type { Attributes, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';
import { limits } from '../../limits.ts';
import { type Cancellable, patiently, type Platform } from '../../platform/index.ts';
import { VERSION } from '../../version.ts';

/** A step that has ended. */
export interface FinishedSpan {
  readonly context: SpanContext;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly attributes: Attributes;
  readonly status: SpanStatus;
}

export interface OtlpOptions {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly platform: Platform;
  /** The collector cannot be reached, or refuses; called once, until it takes something again. */
  readonly failed: (why: string) => void;
}

export class OtlpExporter {
  readonly #options: OtlpOptions;
  readonly #url: string;
  #waiting: FinishedSpan[] = [];
  #timer: Cancellable | null = null;
  #sending: Promise<void> | null = null;
  #hasFailed = false;
  dropped = 0;

  constructor(options: OtlpOptions) {
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
  }

  add(span: FinishedSpan): void {
    if (this.#waiting.length >= limits.telemetry_waiting_max) {
      this.dropped++;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= limits.telemetry_batch_max) this.#send();
    else this.#timer ??= this.#options.platform.timers.after(limits.telemetry_delay_ms, () => this.#send());
  }

  /** One request at a time; what comes meanwhile waits. */
  #send(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#sending !== null || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, limits.telemetry_batch_max);
    this.#sending = this.#post(batch).finally(() => {
      this.#sending = null;
      if (this.#waiting.length > 0) this.#timer ??= this.#options.platform.timers.after(0, () => this.#send());
    });
  }

  async #post(batch: readonly FinishedSpan[]): Promise<void> {
    const { headers, platform, failed } = this.#options;
    const abort = new AbortController();
    const limit = patiently(platform.timers, limits.telemetry_send_ms, () => abort.abort());
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(requestOf(batch)),
        redirect: 'error',
        signal: abort.signal,
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      this.#hasFailed = false;
    } catch (error) {
      this.dropped += batch.length;
      if (!this.#hasFailed) failed(reasonOf(error));
      this.#hasFailed = true;
    } finally {
      limit.cancel();
    }
  }

  /** Sends what waits, once more within the time of a request. */
  async close(): Promise<void> {
    await this.#sending;
    this.#send();
    await this.#sending;
    this.#timer?.cancel();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function requestOf(batch: readonly FinishedSpan[]): object {
  const resource = { attributes: attributesOf({ 'service.name': 'powerbox', 'service.version': VERSION }) };
  const scope = { name: 'powerbox', version: VERSION };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: batch.map(spanOf) }] }] };
}

function spanOf(span: FinishedSpan): object {
  const { context, parentSpanId, name, kind, start_ms, end_ms, attributes, status } = span;
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    flags: context.traceFlags,
    name,
    // The protocol counts from one where the library counts from zero.
    kind: kind + 1,
    startTimeUnixNano: nanoseconds(start_ms),
    endTimeUnixNano: nanoseconds(end_ms),
    attributes: attributesOf(attributes),
    status,
  };
}

/** More digits than a number has. */
function nanoseconds(time_ms: number): string {
  const whole_ms = Math.floor(time_ms);
  const rest = Math.floor((time_ms - whole_ms) * 1e6);
  return `${whole_ms}${String(rest).padStart(6, '0')}`;
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'number' && Number.isSafeInteger(value)
        ? { intValue: String(value) }
        : { stringValue: String(value) },
  }));
}
