/**
 * `/metrics`, for Prometheus: what the parts of the node have counted is read when it is asked for, and nothing is done
 * for it in between but to count. Labels are names of spaces, holders, natives, methods and codes, which are plain
 * words; never a token or a raw name.
 */
import { type Metric, type MetricType, Registry } from 'prom-client';
import { internalsOf, type Space } from '../../embedding/index.ts';
import { type Latency, LATENCY_STEPS_MS } from '../../space/index.ts';
import { VERSION } from '../../version.ts';
import type { RunningService, ServiceObserver } from '../types.ts';

/** What is looked at. */
export interface Watched {
  spaces(): Iterable<readonly [name: string, space: Space]>;
  /** Null before the port is open. */
  service(): RunningService | null;
  /** Of the process, in bytes. */
  memory(): { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** Memory of another process; null where the machine does not tell. */
  memoryOf(pid: number): Promise<number | null>;
}

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One metric, as the text format has it. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly (Sample & { readonly suffix?: string })[];
}

/** Counted from what the service tells. */
export class ServiceTallies implements Required<Pick<ServiceObserver, 'opened' | 'requests' | 'refused' | 'bytes'>> {
  readonly #requests = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  readonly #bytes = new Map<string, number>();
  #opened = 0;

  opened(): void {
    this.#opened++;
  }

  requests(space: string, holder: string, kind: string, count: number): void {
    add(this.#requests, [space, holder, kind], count);
  }

  refused(space: string, holder: string, code: string): void {
    add(this.#refused, [space, holder, code], 1);
  }

  bytes(space: string, direction: 'in' | 'out', count: number): void {
    add(this.#bytes, [space, direction], count);
  }

  *families(): Iterable<Family> {
    yield counter('powerbox_connections_total', 'Connections that were opened.', [{ labels: {}, value: this.#opened }]);
    yield counter(
      'powerbox_requests_total',
      'Requests of clients, by kind.',
      samplesOf(this.#requests, ['space', 'holder', 'operation']),
    );
    yield counter(
      'powerbox_refusals_total',
      'Requests and connections that were answered with an error, by code.',
      samplesOf(this.#refused, ['space', 'holder', 'code']),
    );
    yield counter('powerbox_wire_bytes_total', 'Bytes of frames.', samplesOf(this.#bytes, ['space', 'direction']));
  }
}

const SEPARATOR = '\u0000';

function add(counts: Map<string, number>, key: readonly string[], count: number): void {
  const joined = key.join(SEPARATOR);
  counts.set(joined, (counts.get(joined) ?? 0) + count);
}

function samplesOf(counts: ReadonlyMap<string, number>, names: readonly string[]): Sample[] {
  return [...counts].map(([key, value]) => {
    const parts = key.split(SEPARATOR);
    return { labels: Object.fromEntries(names.map((name, index) => [name, parts[index] ?? ''])), value };
  });
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'counter', samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples };
}

/** The text of all metrics now, and its type. */
export async function metricsText(
  watched: Watched,
  tallies: ServiceTallies,
): Promise<{ readonly type: string; readonly text: string }> {
  const spaces = [...watched.spaces()];
  const families = [
    ...spaceFamilies(spaces),
    ...(await hostFamilies(spaces, watched)),
    ...tallies.families(),
    ...nodeFamilies(watched),
  ];
  const registry = new Registry();
  for (const family of families) registry.registerMetric(metricOf(family));
  return { type: registry.contentType, text: await registry.metrics() };
}

/**
 * What is counted elsewhere, as the library takes what it writes. Its own metrics count by themselves, and a counter or a
 * histogram of them cannot be told what another has counted.
 */
function metricOf({ name, help, type, samples }: Family): Metric {
  const values = samples.map(({ labels, value, suffix = '' }) => ({ labels, value, metricName: name + suffix }));
  const metric = {
    name,
    get: async () => ({ name, help, type: type as unknown as MetricType, aggregator: 'sum', values }),
  };
  return metric as unknown as Metric;
}

function* nodeFamilies(watched: Watched): Iterable<Family> {
  const { rss, heapUsed, external } = watched.memory();
  yield gauge('powerbox_info', 'The version that runs.', [{ labels: { version: VERSION }, value: 1 }]);
  yield gauge('process_resident_memory_bytes', 'Memory of the process.', [{ labels: {}, value: rss }]);
  yield gauge('process_heap_bytes', 'Memory of the process that its values use.', [{ labels: {}, value: heapUsed }]);
  yield gauge('process_external_bytes', 'Memory of the process beside its values.', [{ labels: {}, value: external }]);
  const counts = watched.service()?.counts();
  if (counts === undefined) return;
  yield gauge('powerbox_connections', 'Connections that are open.', [{ labels: {}, value: counts.connections }]);
  yield gauge('powerbox_sessions', 'Sessions that are kept.', [{ labels: {}, value: counts.sessions }]);
  yield gauge('powerbox_requests_waiting', 'Requests that wait for their answers.', [
    { labels: {}, value: counts.waiting },
  ]);
  yield gauge('powerbox_deliveries_waiting', 'Deliveries that are not acknowledged.', [
    { labels: {}, value: counts.undelivered },
  ]);
}

function* spaceFamilies(spaces: readonly (readonly [string, Space])[]): Iterable<Family> {
  const figures = spaces.map(([space, opened]) => ({ space, figures: internalsOf(opened).engine.figures() }));
  type Figures = (typeof figures)[number]['figures'];
  const each = (value: (one: Figures) => number): Sample[] =>
    figures.map((one) => ({ labels: { space: one.space }, value: value(one.figures) }));

  yield gauge(
    'powerbox_in_service',
    'Whether a space begins what it is asked: 1, or 0 after its machine has failed it.',
    spaces.map(([space, opened]) => ({ labels: { space }, value: opened.health().service === 'in' ? 1 : 0 })),
  );
  yield counter(
    'powerbox_turns_total',
    'Turns since the space was made.',
    each((one) => one.turns),
  );
  yield counter(
    'powerbox_comms_total',
    'Data that met a continuation.',
    each((one) => one.counters.comms),
  );
  yield counter(
    'powerbox_tasks_total',
    'Tasks that were made, since the space was.',
    each((one) => one.tasks),
  );
  yield counter(
    'powerbox_data_total',
    'Data that were put on channels, since the space was made.',
    each((one) => one.data),
  );
  yield counter(
    'powerbox_commits_total',
    'Entries of the journal, since the space was made.',
    each((one) => one.entries),
  );
  yield counter(
    'powerbox_journal_bytes_total',
    'Bytes that were appended to the journal.',
    each((one) => one.counters.appended_bytes),
  );
  yield gauge(
    'powerbox_tasks',
    'Tasks that wait: ready, outside (in an effect, or with a client), or parked for want of a runner.',
    figures.flatMap(({ space, figures: one }) =>
      (['ready', 'outside', 'parked'] as const).map((state) => ({ labels: { space, state }, value: one[state] })),
    ),
  );
  yield gauge(
    'powerbox_channels',
    'Channels in memory.',
    each((one) => one.channels),
  );
  yield gauge(
    'powerbox_facts',
    'Small durable settings, all in memory.',
    each((one) => one.facts),
  );
  yield gauge(
    'powerbox_cache_bytes',
    'Memory that channels take, about.',
    each((one) => one.cache_bytes),
  );
  yield gauge(
    'powerbox_journal_tail_bytes',
    'Journal that is in no row yet.',
    each((one) => one.tail_bytes),
  );
  yield histogram(
    'powerbox_commit_seconds',
    'From the writing of a commit until what waits for it is let out.',
    figures.map(({ space, figures: one }) => [space, one.counters.commit]),
  );
  yield histogram(
    'powerbox_fsync_seconds',
    'Of one append to the journal, its sync included.',
    figures.map(({ space, figures: one }) => [space, one.counters.append]),
  );
  yield* holderFamilies(spaces);
  yield* callFamilies(spaces);
}

function* holderFamilies(spaces: readonly (readonly [string, Space])[]): Iterable<Family> {
  const used = spaces.flatMap(([space, opened]) =>
    opened
      .usage()
      .filter(({ deploy }) => deploy === null)
      .map((usage) => ({ labels: { space, holder: usage.holder }, usage })),
  );
  const each = (value: (usage: (typeof used)[number]['usage']) => number): Sample[] =>
    used.map(({ labels, usage }) => ({ labels, value: value(usage) }));
  yield gauge(
    'powerbox_holder_bytes',
    'Stored by a holder that has a quota.',
    each((usage) => usage.bytes),
  );
  yield gauge(
    'powerbox_holder_continuations',
    'Waiting, of a holder that has a quota.',
    each((usage) => usage.continuations),
  );
  yield gauge(
    'powerbox_holder_tasks',
    'Made and not yet done, of a holder that has a quota.',
    each((usage) => usage.tasks),
  );
  const deploys = new Map<string, number>();
  for (const [space, opened] of spaces)
    for (const { holder } of internalsOf(opened).deploys.list()) add(deploys, [space, holder], 1);
  yield gauge('powerbox_holder_deploys', 'Deploys of a holder.', samplesOf(deploys, ['space', 'holder']));
  yield* clientFamilies(spaces);
}

interface ClientUse {
  readonly labels: Labels;
  /** What its clients were given. */
  readonly given: number;
  sessions: number;
  waiting: number;
  unread_bytes: number;
}

/** What the clients of each holder have, with quotas or without. */
function* clientFamilies(spaces: readonly (readonly [string, Space])[]): Iterable<Family> {
  const used: ClientUse[] = [];
  for (const [space, opened] of spaces) {
    const holders = new Map<string, ClientUse>();
    for (const { holder, waiting, undelivered_bytes } of internalsOf(opened).sessions.all()) {
      const { name, holdings } = holder;
      const labels = { space, holder: name };
      const use = holders.get(name) ?? { labels, given: holdings.count, sessions: 0, waiting: 0, unread_bytes: 0 };
      use.sessions++;
      use.waiting += waiting;
      use.unread_bytes += undelivered_bytes;
      holders.set(name, use);
    }
    used.push(...holders.values());
  }
  const each = (value: (use: ClientUse) => number): Sample[] =>
    used.map((use) => ({ labels: use.labels, value: value(use) }));
  yield gauge(
    'powerbox_holder_sessions',
    'Sessions of clients of a holder.',
    each(({ sessions }) => sessions),
  );
  yield gauge(
    'powerbox_holder_requests_waiting',
    'Requests of a holder that wait for their answers.',
    each(({ waiting }) => waiting),
  );
  yield gauge(
    'powerbox_holder_undelivered_bytes',
    'Answers that clients of a holder have not acknowledged.',
    each(({ unread_bytes }) => unread_bytes),
  );
  yield gauge(
    'powerbox_holder_capabilities',
    'What clients of a holder were given and have not released.',
    each(({ given }) => given),
  );
}

function* callFamilies(spaces: readonly (readonly [string, Space])[]): Iterable<Family> {
  const calls = spaces.flatMap(([space, opened]) =>
    [...internalsOf(opened).audit.tallies()].map((tally) => {
      const { native, method, result } = tally;
      return { labels: { space, native, method, result }, tally };
    }),
  );
  const each = (value: (tally: (typeof calls)[number]['tally']) => number): Sample[] =>
    calls.map(({ labels, tally }) => ({ labels, value: value(tally) }));
  yield counter(
    'powerbox_native_calls_total',
    'Calls of natives that were more than computing, by outcome.',
    each(({ count }) => count),
  );
  yield counter(
    'powerbox_native_seconds_total',
    'Time that they took.',
    each(({ sum_ms }) => sum_ms / 1000),
  );
  yield counter(
    'powerbox_native_bytes_total',
    'What went in and out of them.',
    each(({ bytes }) => bytes),
  );
  const waiting = new Map<string, number>();
  for (const [space, opened] of spaces)
    for (const what of internalsOf(opened).dispatcher.underWay()) add(waiting, [space, what], 1);
  yield gauge('powerbox_native_calls', 'Calls that are queued or under way.', samplesOf(waiting, ['space', 'call']));
}

/** Natives that run elsewhere, each under its name. */
async function hostFamilies(
  spaces: readonly (readonly [string, Space])[],
  watched: Watched,
): Promise<readonly Family[]> {
  const hosts = spaces.flatMap(([space, opened]) =>
    internalsOf(opened)
      .hosts.reports()
      .map((report) => ({ labels: { space, native: report.native, form: report.form }, report })),
  );
  const each = (value: (report: (typeof hosts)[number]['report']) => number): Sample[] =>
    hosts.map(({ labels, report }) => ({ labels, value: value(report) }));
  const memory: Sample[] = [];
  for (const { labels, report } of hosts) {
    const pid = /^process (\d+)$/.exec(report.where)?.[1];
    const seen = pid === undefined ? null : await watched.memoryOf(Number(pid));
    const value = seen ?? report.memory_bytes;
    if (value !== null) memory.push({ labels, value });
  }
  return [
    gauge(
      'powerbox_host_up',
      'Whether the host of a native answers.',
      each(({ state }) => (state === 'up' ? 1 : 0)),
    ),
    gauge('powerbox_host_memory_bytes', 'Memory of hosts: of a process all of it, of a thread its heap.', memory),
    gauge(
      'powerbox_host_calls',
      'Calls that a host has under way.',
      each(({ running }) => running),
    ),
    gauge(
      'powerbox_host_calls_waiting',
      'Calls that wait for their turn.',
      each(({ waiting }) => waiting),
    ),
    counter(
      'powerbox_host_restarts_total',
      'How often a host was started again.',
      each(({ restarts }) => restarts),
    ),
    counter(
      'powerbox_host_frames_dropped_total',
      'Frames of a host that did not prove where they come from, or were none.',
      each(({ dropped, garbage }) => dropped + garbage),
    ),
  ];
}

function histogram(name: string, help: string, latencies: readonly (readonly [string, Latency])[]): Family {
  const samples = latencies.flatMap(([space, { steps, count, sum_ms }]) => {
    let below = 0;
    const buckets = LATENCY_STEPS_MS.map((end_ms, index) => {
      below += steps[index] ?? 0;
      return { labels: { space, le: String(end_ms / 1000) }, value: below, suffix: '_bucket' };
    });
    return [
      ...buckets,
      { labels: { space, le: '+Inf' }, value: count, suffix: '_bucket' },
      { labels: { space }, value: sum_ms / 1000, suffix: '_sum' },
      { labels: { space }, value: count, suffix: '_count' },
    ];
  });
  return { name, help, type: 'histogram', samples };
}
