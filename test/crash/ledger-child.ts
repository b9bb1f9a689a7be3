/**
 * A host with a store of its own: a log of what was prepared, finished and dropped, each line synced. It kills itself
 * at a moment of its plan. Arguments: the directory of the log, and the moments of its deaths as JSON.
 */
import { appendFileSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { declareChannel, type HostStore, method, serveHost, t } from '../../src/embedding/host.ts';
import { deathsOf, type LedgerLine, readLedger } from './hosts.ts';

const [, , directory = '', plan = '[]'] = process.argv;
const file = join(directory, 'ledger');
/** How many moments it lives; null: as long as it is wanted. */
let dies: number | null = null;
let moments = 0;

function moment(): void {
  if (++moments !== dies) return;
  appendFileSync(join(directory, 'deaths'), '.');
  process.kill(process.pid, 'SIGKILL');
}

const prepared = new Map<string, Extract<LedgerLine, { readonly kind: 'prepared' }>>();
let descriptor = -1;

/**
 * The host of a node that was killed is ended soon, and not at once: it may still write down what it had been told. So
 * this one waits until that is gone. A name that the system takes back from whoever dies is the lock.
 */
async function alone(): Promise<void> {
  for (;;) {
    const isOwner = await new Promise<boolean>((resolve) => {
      const lock = createServer();
      lock.once('error', () => resolve(false));
      lock.listen(`\0powerbox-ledger ${directory}`, () => resolve(true)).unref();
    });
    if (isOwner) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function load(): void {
  dies = (JSON.parse(plan) as readonly number[])[deathsOf(directory)] ?? null;
  // A line that a kill has cut is none.
  const known = readLedger(directory);
  // Its node is reading: it is the one or the other, and never half of it.
  writeFileSync(`${file}.new`, known.map((line) => `${JSON.stringify(line)}\n`).join(''));
  renameSync(`${file}.new`, file);
  for (const line of known) {
    if (line.kind === 'prepared') prepared.set(line.effect, line);
    else prepared.delete(line.effect);
  }
  descriptor = openSync(file, 'a');
}

function append(line: LedgerLine): void {
  moment();
  writeSync(descriptor, `${JSON.stringify(line)}\n`);
  moment();
  fsyncSync(descriptor);
  moment();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const store: HostStore = {
  async prepare({ args, effectId }, client) {
    const effect = hex(effectId);
    const order = Number(args[0]);
    if (!prepared.has(effect)) {
      const line = { kind: 'prepared', effect, client: hex(client), order } as const;
      append(line);
      prepared.set(effect, line);
    }
    return { ok: order };
  },
  async finish(effectId) {
    const effect = hex(effectId);
    if (!prepared.has(effect)) return;
    append({ kind: 'finished', effect });
    prepared.delete(effect);
  },
  async drop(effectId) {
    const effect = hex(effectId);
    if (!prepared.has(effect)) return;
    append({ kind: 'dropped', effect });
    prepared.delete(effect);
  },
  async prepared(client) {
    return [...prepared.values()]
      .filter((line) => line.client === hex(client))
      .map(({ effect }) => new Uint8Array(Buffer.from(effect, 'hex')));
  },
};

const declaration = declareChannel({
  name: 'ledger',
  doc: 'Keeps orders.',
  methods: {
    add: method({
      doc: 'Adds an order.',
      effect: 'change',
      recovery: 'ask',
      lane: null,
      forms: [{ args: [{ name: 'order', type: t.int() }], result: t.int() }],
    }),
  },
});

async function main(): Promise<void> {
  await alone();
  load();
  await serveHost({
    natives: [{ declaration, call: async () => ({ ok: null }), ask: async () => 'not_applied' }],
    store,
  });
}

void main();
