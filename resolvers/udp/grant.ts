/** One UDP power given to one holder: its rules, its rates, and the sockets that are open under it. */
import { contains, endpointRules, parseNetwork } from '../../src/capability/index.ts';
import type { Address, AddressRules, Network, PowerOf } from '../../src/capability/index.ts';
import type { NativeError } from '../../src/natives/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { Bucket } from '../net/bucket.ts';
import type { UdpSocket } from './socket.ts';

export class UdpGrant {
  readonly id: string;
  readonly power: PowerOf<'udp'>;
  readonly bindRules: AddressRules;
  readonly sendRules: AddressRules;
  readonly datagrams: Bucket;
  readonly bytes: Bucket | null;
  readonly #groups: readonly Network[];
  readonly #sockets = new Set<UdpSocket>();
  #held = 0;
  #closed = false;

  constructor(id: string, power: PowerOf<'udp'>, platform: Platform) {
    this.id = id;
    this.power = power;
    this.bindRules = endpointRules(power.bind);
    this.sendRules = endpointRules(power.send);
    this.#groups = power.multicast.map((text) => {
      const network = parseNetwork(text);
      if (typeof network === 'string') throw new Error(network);
      return network;
    });
    this.datagrams = new Bucket(platform, power.datagrams_per_second);
    const { out_bytes_per_second } = power;
    this.bytes = out_bytes_per_second === undefined ? null : new Bucket(platform, out_bytes_per_second);
  }

  mayJoin(group: Address): boolean {
    return group.kind === 'multicast' && this.#groups.some((network) => contains(network, group));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Room for one more socket; whoever gets it gives it back, or lends it to a socket. */
  hold(): NativeError | null {
    if (this.#closed) return { code: 'not_available', message: 'this grant has been taken back' };
    if (this.#held >= this.power.sockets_max) {
      const message = `${this.#held} sockets are open under this grant, and it has room for ${this.power.sockets_max}`;
      return { code: 'quota_exceeded', message };
    }
    this.#held++;
    return null;
  }

  release(): void {
    this.#held--;
  }

  /** Takes over what was held for it. */
  opened(socket: UdpSocket): void {
    this.#sockets.add(socket);
  }

  closed(socket: UdpSocket): void {
    if (this.#sockets.delete(socket)) this.release();
  }

  close(): void {
    this.#closed = true;
    for (const socket of [...this.#sockets])
      socket.kill({ code: 'not_available', message: 'the grant of this socket was taken back' });
    this.datagrams.close();
    this.bytes?.close();
  }
}
