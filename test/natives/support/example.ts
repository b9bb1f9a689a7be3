/** One host for every form: what the conformance suite calls, well-behaved and not. */
import {
  declareChannel,
  type HostDefinition,
  method,
  type Native,
  type NativeAnswer,
  type NativeCall,
  NewObject,
  NewSource,
  PowerboxError,
  type Source,
  t,
} from '../../../src/embedding/host.ts';
import { Bytes, list, MapValue, toValue, type Value } from '../../../src/values/index.ts';

const declaration = declareChannel({
  name: 'example',
  doc: 'What the suite of hosts calls.',
  methods: {
    add: method({
      doc: 'Computes.',
      effect: 'none',
      forms: [
        {
          args: [
            { name: 'left', type: t.int() },
            { name: 'right', type: t.int() },
          ],
          result: t.int(),
        },
      ],
    }),
    echo: method({
      doc: 'Answers what it is given.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [{ name: 'value', type: t.any }], result: anything() }],
    }),
    read: method({
      doc: 'Answers the last value that was written.',
      effect: 'observe',
      forms: [{ args: [], result: t.string() }],
    }),
    write: method({
      doc: 'Keeps a value.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [{ name: 'value', type: t.string({ max: 100 }) }], result: t.nil }],
    }),
    fail: method({
      doc: 'Throws.',
      effect: 'observe',
      forms: [{ args: [{ name: 'text', type: t.string() }], result: t.nil }],
    }),
    refuse: method({
      doc: 'Answers an error.',
      effect: 'observe',
      forms: [{ args: [{ name: 'code', type: t.string() }], result: t.nil }],
    }),
    sleep: method({
      doc: 'Answers never.',
      effect: 'observe',
      lane: null,
      forms: [{ args: [], result: t.nil }],
    }),
    large: method({
      doc: 'Answers so many bytes.',
      effect: 'observe',
      forms: [{ args: [{ name: 'bytes', type: t.int() }], result: t.bytes() }],
    }),
    wrong: method({
      doc: 'Answers what it does not declare.',
      effect: 'observe',
      forms: [{ args: [], result: t.string() }],
    }),
    unsorted: method({
      doc: 'Answers a map that is not written as one.',
      effect: 'observe',
      forms: [{ args: [], result: t.map() }],
    }),
    die: method({
      doc: 'Ends its process or thread.',
      effect: 'observe',
      forms: [{ args: [], result: t.nil }],
    }),
    dieChanging: method({
      doc: 'Ends its process or thread in the middle of a change that nobody can ask for.',
      effect: 'change',
      recovery: 'none',
      forms: [{ args: [], result: t.nil }],
    }),
    counter: method({
      doc: 'Answers a new counter.',
      effect: 'observe',
      forms: [{ args: [{ name: 'start', type: t.int() }], result: t.channel('counter') }],
    }),
    about: method({
      doc: 'Answers what it was told of the call.',
      effect: 'change',
      recovery: 'repeat',
      forms: [{ args: [], result: t.map() }],
    }),
    ticks: method({
      doc: 'Answers a channel on which numbers arrive, the last of them at the end.',
      effect: 'observe',
      forms: [{ args: [{ name: 'count', type: t.int() }], result: t.channel() }],
    }),
    work: method({
      doc: 'Computes for so many milliseconds.',
      effect: 'none',
      forms: [{ args: [{ name: 'ms', type: t.int() }], result: t.int() }],
    }),
    peek: method({
      doc: 'Answers the kind of what it is given, as it arrives here.',
      effect: 'observe',
      forms: [{ args: [{ name: 'value', type: t.any }], result: t.string() }],
    }),
  },
});

function anything() {
  return t.either(
    t.nil,
    t.bool,
    t.int(),
    t.bigint,
    t.float,
    t.string(),
    t.bytes(),
    t.uri,
    t.list(),
    t.set(),
    t.map(),
    t.name,
  );
}

let kept = '';
let calls = 0;

async function call({ method: name, args, handle, limit_ms, effectId, signal }: NativeCall): Promise<NativeAnswer> {
  calls++;
  const [first] = args;
  switch (name) {
    case 'echo':
      return { ok: first as Value };
    case 'read':
      return { ok: kept };
    case 'write':
      kept = first as string;
      return { ok: null };
    case 'fail':
      throw new Error(String(first));
    case 'refuse':
      throw new PowerboxError('file_not_found', `nothing at ${String(first)}`);
    case 'sleep':
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('cut off'))));
    case 'large':
      return { ok: new Bytes(new Uint8Array(first as number)) };
    case 'wrong':
      return { ok: 5 };
    case 'unsorted':
      return { ok: new MapValue(['b', 'a'], [1, 2]) };
    case 'die':
    case 'dieChanging':
      process.exit(7);
      break;
    case 'counter':
      return { ok: new NewObject('counter', 'c', first as Value) };
    case 'about': {
      const about = {
        effect: effectId.length,
        limited: typeof limit_ms === 'number' && limit_ms > 0,
        handle: handle === null,
        calls,
      };
      return { ok: toValue(about) };
    }
    case 'ticks':
      return { ok: new NewSource('example', list(['ticks', first as Value])) };
    case 'peek':
      return {
        ok: first !== null && typeof first === 'object' && first !== undefined ? first.constructor.name : typeof first,
      };
    default:
  }
  throw new PowerboxError('method_unknown', name);
}

export const example: Native = {
  declaration,
  inline({ method: name, args: [first = 0, second = 0] }) {
    if (name === 'add') return { ok: (first as number) + (second as number) };
    const until = Date.now() + (first as number);
    let turns = 0;
    while (Date.now() < until) turns++;
    return { ok: turns > 0 ? 1 : 0 };
  },
  call,
  open(source: Source) {
    const count = Number((source.handle as { items: readonly Value[] }).items[1]);
    void (async () => {
      for (let number = 1; number <= count; number++)
        if (!(await source.push([number], { last: number === count }))) return;
    })();
  },
};

/** An object that keeps its state in the space. */
const counting: Native = {
  declaration: declareChannel({
    name: 'counter',
    doc: 'Counts.',
    methods: {
      next: method({ doc: 'One more.', effect: 'change', recovery: 'repeat', forms: [{ args: [], result: t.int() }] }),
    },
  }),
  async call({ state }) {
    const next = Number(state) + 1;
    return { ok: next, state: next };
  },
};

export const host: HostDefinition = { natives: [example, counting] };
