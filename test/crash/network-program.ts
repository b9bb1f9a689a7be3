/**
 * What is killed when effects go over the network: each order waits for its time, then asks one server twice. One
 * grant gives the server the key of the effect, the other does not; and a port is listened at all the while, where
 * each word that comes is said back, and who said it says thanks.
 */
import type { PowerSource } from '../../src/capability/index.ts';
import type { Moment, Plant } from './messages.ts';

export const ORDERS = 16;
/** Between the times of two orders: the work lasts longer than any process of it. */
export const SPACING_MS = 40;
export const KEY_HEADER = 'idempotency-key';
/** Of who has got its word back, with a line feed behind it. */
export const THANKS = 'thanks';

export interface NetworkOptions {
  readonly data: string;
  /** Where the server is that is asked. */
  readonly http: number;
  /** Where the contract listens. */
  readonly tcp: number;
  readonly kill?: { readonly at: Moment; readonly pass: number };
  readonly plant?: Plant;
}

/** Of one order: by which grant it was asked, and a status, or the code of an error. */
export type Answer = readonly [order: number, grant: 'keyed' | 'plain', outcome: number | string];

/** What the contract was answered when it said a word back: the thanks, or the code of an error. */
export type Parting = readonly [word: string, outcome: string];

export type NetworkLine =
  | { readonly type: 'started' }
  | { readonly type: 'done' }
  | { readonly type: 'dies'; readonly at: Moment }
  | {
      readonly type: 'told';
      readonly answers: readonly Answer[];
      readonly fired: readonly number[];
      readonly greeted: readonly string[];
      readonly parted: readonly Parting[];
      readonly strange: readonly string[];
      readonly passed: Readonly<Partial<Record<Moment, number>>>;
    }
  | { readonly type: 'broken'; readonly message: string };

export function powersOf({ http, tcp }: NetworkOptions): PowerSource[] {
  const origin = {
    origin: `http://127.0.0.1:${http}`,
    methods: ['POST' as const],
    addresses: ['127.0.0.1'],
    requests_per_second: 1_000,
    requests_burst_max: 1_000,
  };
  return [
    { kind: 'http', name: 'keyed', origins: [{ ...origin, idempotencyHeader: KEY_HEADER }] },
    { kind: 'http', name: 'plain', origins: [origin] },
    { kind: 'timer' },
    { kind: 'tcp', listen: [`127.0.0.1:${tcp}`] },
  ];
}

/** An answer and its record are one turn: so is a word that came, and what is sent back for it. */
export function programOf({ http, tcp }: NetworkOptions): string {
  const url = `http://127.0.0.1:${http}`;
  return `
contract main(box, @_) = {
  for (keyed <- box!?("httpClient", "keyed"); plain <- box!?("httpClient", "plain"); timer <- box!?("timer");
       listener <- box!?("tcpListener"); connections <- listener!?("listen", "127.0.0.1:${tcp}")) {
    new ask, serve in {
      contract ask(client, @grant, @id) = {
        for (there <- client!?("resolve", "${url}/\${grant}/\${id}" %% {"grant": grant, "id": id});
             @answer <- there!?("post", "order")) {
          match answer {
            ("error", details) => { @"answers"!(id, grant, details.get("code")) }
            other => { @"answers"!(id, grant, other.get("status")) }
          }
        }
      } |
      for (@id <= @"orders") {
        for (@Nil <- timer!?("after", id * ${SPACING_MS})) {
          @"fired"!(id) | ask!(*keyed, "keyed", id) | ask!(*plain, "plain", id)
        }
      } |
      for (socket, @_ <= connections) {
        for (@line <- socket!?("receiveUntil", "\\n")) {
          match line {
            // A connection of a process that was killed, or one that was closed without a word.
            ("error", _) => { Nil }
            Nil => { Nil }
            word => {
              @"greeted"!(word) |
              for (@answer <- socket!?("exchangeUntil", word, "\\n")) {
                match answer {
                  ("error", details) => { @"parted"!(word, details.get("code")) }
                  Nil => { @"parted"!(word, "nothing") }
                  thanks => { @"parted"!(word, thanks) }
                } |
                for (@_ <- socket!?("close")) { Nil }
              }
            }
          }
        }
      }
    }
  }
}`;
}
