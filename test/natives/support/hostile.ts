/**
 * A host that says what no host should: garbage, too much, twice, unasked. One for each way that a host is reached; what
 * it posts besides its answers goes out as it is.
 */
import { declareChannel, method, type Native, t } from '../../../src/embedding/host.ts';
import { Bytes, encodeValue, list, map, type Value } from '../../../src/values/index.ts';

const METHODS = [
  'fine',
  'garbage',
  'oversized',
  'twice',
  'unasked',
  'noise',
  'raw',
  'forged',
  'alien',
  'odd',
  'flood',
] as const;

/** A frame, well-formed or not: kind, number, body as they are given. */
export function frame(kind: string, id: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([encodeValue(kind), encodeValue(id), body]);
}

const answer = (id: number, ok: Value): Uint8Array => frame('answer', id, encodeValue(map([['ok', ok]])));

/** `post` sends a frame past all that a host keeps to. */
export function hostile(post: (bytes: Uint8Array) => void): Native {
  // Requests of a node are numbered from 1, and this host is asked one after the other.
  let id = 0;
  return {
    declaration: declareChannel({
      name: 'example',
      doc: 'Hostile.',
      methods: Object.fromEntries(
        METHODS.map((name) => [
          name,
          method({ doc: name, effect: 'observe', forms: [{ args: [], result: t.either(t.int(), t.name, t.bytes()) }] }),
        ]),
      ),
    }),
    async call({ method: name }) {
      id++;
      switch (name) {
        case 'garbage':
          post(frame('answer', id, Buffer.from([0xc1])));
          break;
        case 'oversized':
          post(answer(id, list(['value', new Bytes(new Uint8Array(60_000))])));
          break;
        case 'twice':
          post(answer(id, list(['value', 1])));
          post(answer(id, list(['value', 2])));
          break;
        case 'unasked':
          post(answer(id + 1_000, list(['value', 1])));
          post(
            frame(
              'push',
              1,
              encodeValue(
                map([
                  ['source', 't1'],
                  ['message', list([])],
                  ['last', true],
                ]),
              ),
            ),
          );
          break;
        case 'noise':
          post(new Uint8Array(0));
          post(Buffer.from([1, 2, 3]));
          post(frame('welcome', 0, encodeValue(map([]))));
          post(frame('no such kind', 0, encodeValue(map([]))));
          post(frame('failed', 0, encodeValue(map([['message', 'not now']]))));
          break;
        case 'raw':
          // A name of 32 bytes, as the space itself would write one.
          post(
            frame(
              'answer',
              id,
              Buffer.concat([
                Buffer.from([0x81, 0xa2]),
                Buffer.from('ok'),
                Buffer.from([0x92, 0xa5]),
                Buffer.from('value'),
                Buffer.from([0xc7, 32, 3]),
                Buffer.alloc(32, 7),
              ]),
            ),
          );
          break;
        case 'forged':
          // A token that was never given: bundle, 49 bytes, may read, may write.
          post(
            frame(
              'answer',
              id,
              Buffer.concat([
                Buffer.from([0x81, 0xa2]),
                Buffer.from('ok'),
                Buffer.from([0x92, 0xa5]),
                Buffer.from('value'),
                Buffer.from([0x94, 0xd4, 4, 13, 0xc4, 49]),
                Buffer.alloc(49, 9),
                Buffer.from([0xc3, 0xc3]),
              ]),
            ),
          );
          break;
        case 'alien':
          post(
            answer(
              id,
              list([
                'object',
                'system',
                map([
                  ['holder', 'alice'],
                  ['powers', list([])],
                ]),
                list([]),
              ]),
            ),
          );
          break;
        case 'odd':
          post(answer(id, list(['surprise', 1])));
          break;
        case 'flood':
          for (let count = 0; count < 20_000; count++) post(answer(5_000_000 + count, list(['value', count])));
          break;
        default:
      }
      return { ok: 7 };
    },
  };
}
