/** One UDP power given to one holder: its rules, its rates, and the room for its sockets. */
import { contains, endpointRules, parseNetwork } from '../../src/capability/index.ts';
import type { Address, AddressRules, Network, PowerOf } from '../../src/capability/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { Bucket } from '../net/bucket.ts';
import { SocketRoom } from '../net/room.ts';
import type { UdpSocket } from './socket.ts';

export class UdpGrant {
  readonly id: string;
  readonly power: PowerOf<'udp'>;
  readonly bindRules: AddressRules;
  readonly sendRules: AddressRules;
  readonly datagrams: Bucket;
  readonly bytes: Bucket | null;
  readonly room: SocketRoom<UdpSocket>;
  readonly #groups: readonly Network[];

  constructor(id: string, power: PowerOf<'udp'>, platform: Platform) {
    this.id = id;
    this.power = power;
    this.room = new SocketRoom(platform, power);
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

  close(): void {
    this.room.close();
    this.datagrams.close();
    this.bytes?.close();
  }
}
