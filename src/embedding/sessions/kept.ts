/**
 * The deliveries of one session that are not acknowledged, as facts: those of one commit are one fact, written with the
 * commit and dropped with the one in which the last of them is known to be handled. So what is answered and acknowledged
 * many thousand times a second costs two facts a commit, and not two each. Owns which facts there are; must never drop one
 * while something in it is not handled.
 */
import { limits } from '../../limits.ts';
import { List, type Value } from '../../values/index.ts';
import { deliveryKey } from './keys.ts';

/** What a delivery is made of: its request, its kind, its value. */
export type Made = readonly [id: number, kind: number, value: Value];

interface Batch {
  readonly first: number;
  /** The number after its last. */
  end: number;
  bytes: number;
  /** Of three each; null when they are a fact. */
  items: Value[] | null;
}

export class KeptDeliveries {
  readonly #session: number;
  #batches: Batch[] = [];

  constructor(session: number) {
    this.#session = session;
  }

  /** The next one. */
  add(number: number, id: number, kind: number, value: Value, bytes: number): void {
    const last = this.#batches[this.#batches.length - 1];
    if (last === undefined || last.items === null || last.bytes >= limits.session_kept_bytes) {
      this.#batches.push({ first: number, end: number + 1, bytes, items: [id, kind, value] });
      return;
    }
    last.items.push(id, kind, value);
    last.end = number + 1;
    last.bytes += bytes;
  }

  /** With the commit: what is new is written, and what is handled to its end is dropped. */
  write(handled: number, setFact: (key: string, value: Value | undefined) => void): void {
    const batches = this.#batches;
    let gone = 0;
    for (; gone < batches.length && (batches[gone] as Batch).end - 1 <= handled; gone++)
      this.#drop(batches[gone] as Batch, setFact);
    if (gone > 0) this.#batches = batches.slice(gone);
    for (let index = this.#batches.length - 1; index >= 0; index--) {
      const batch = this.#batches[index] as Batch;
      if (batch.items === null) break;
      setFact(deliveryKey(this.#session, batch.first), new List(batch.items));
      batch.items = null;
    }
  }

  /** The session is over. */
  dropAll(setFact: (key: string, value: Value | undefined) => void): void {
    for (const batch of this.#batches.splice(0)) this.#drop(batch, setFact);
  }

  /** A fact that was found: what it holds, by number. */
  found(first: number, fact: Value): readonly (readonly [number: number, made: Made])[] {
    const { items } = fact as List;
    const count = items.length / 3;
    this.#batches.push({ first, end: first + count, bytes: 0, items: null });
    return Array.from({ length: count }, (_, index) => [
      first + index,
      items.slice(3 * index, 3 * index + 3) as unknown as Made,
    ]);
  }

  #drop({ first, items }: Batch, setFact: (key: string, value: Value | undefined) => void): void {
    if (items === null) setFact(deliveryKey(this.#session, first), undefined);
  }
}
