/**
 * What the parts of the node itself may touch. Each is handed what it needs and nothing else, here, so that the list
 * of who holds what is made by the handing out and cannot miss any.
 */
import type { HolderReport } from './types.ts';

/** The parts, and what each of them is for. */
export const NODE_PARTS = {
  'node/configuration': 'reads the configuration, what it names, and the variables of its secrets',
  'node/store': 'keeps the space',
  'node/space': 'runs turns, and draws names',
  'node/dispatcher': 'measures the time of calls',
  'node/sessions': 'keeps what clients were given, and the time of what they wait for',
  'node/resolvers': 'acts for holders, within the grant of each call',
  'node/stderr': 'tells of failures that no caller hears of',
  'node/service': 'keeps in mind that the node is out of service, also when the disk is full',
  'node/control': 'answers the commands of the user that holds the directory',
  'node/doctor': 'looks at the machine',
  'node/hosts': 'starts the hosts of natives, and connects to them',
  'node/peers': 'listens for the other nodes, and connects to them',
  'node/trace': 'writes down what a replay needs',
  'node/clients': 'listens for clients, and knows by its secret whom they stand for',
  'node/telemetry': 'tells a collector of the steps of messages',
  'node/contracts': 'starts system contracts, each with the powerbox of its holder',
} as const;
export type NodePart = keyof typeof NODE_PARTS;

export class NodeAuthority {
  readonly #held = new Map<NodePart, Map<string, Readonly<Record<string, unknown>>>>();

  /** Hands `thing` to a part of the node, and writes that down. */
  give<T>(part: NodePart, name: string, thing: T, limits: Readonly<Record<string, unknown>> = {}): T {
    const held = this.#held.get(part) ?? new Map<string, Readonly<Record<string, unknown>>>();
    this.#held.set(part, held.set(name, limits));
    return thing;
  }

  holders(): readonly HolderReport[] {
    return [...this.#held].map(([name, held]) => ({
      name,
      holds: [...held].map(([what, limits]) => ({ name: what, kind: 'node', limits, revoked: false })),
    }));
  }
}
