/** Nodes of one machine that know each other, each with its resolver. */
import { peersConfig, powerHandle } from '../../../../src/capability/index.ts';
import type { PeersConfig, PeersConfigSource } from '../../../../src/capability/index.ts';
import type { NativeError } from '../../../../src/natives/index.ts';
import { livedPlatform } from '../../../lived.ts';
import { PeersResolver } from '../../../../resolvers/peers/resolver.ts';
import { peersPower } from '../../../../src/capability/powers/peers.ts';
import { Host, type TestObject } from '../../host.ts';
import { freePorts } from '../../ports.ts';

export function secretOf(one: string, other: string): string {
  return `a secret of 32 bytes or more: ${[one, other].sort().join(' ')}`;
}

export type Sources = Readonly<Record<string, PeersConfigSource>>;

/** What each of these nodes is configured with, by name. */
export async function configurations(...names: readonly string[]): Promise<Sources> {
  const ports = await freePorts(names.length);
  const address = (index: number): string => `127.0.0.1:${ports[index]}`;
  return Object.fromEntries(
    names.map((name, index) => [
      name,
      {
        name,
        listen: address(index),
        nodes: names.flatMap((other, at) =>
          other === name ? [] : [{ name: other, address: address(at), secret: secretOf(name, other) }],
        ),
      },
    ]),
  );
}

export function configOf(sources: Sources, name: string): PeersConfig {
  return peersConfig.parse(sources[name]);
}

export interface TestNode {
  readonly resolver: PeersResolver;
  readonly host: Host;
  readonly peers: TestObject;
  readonly reports: NativeError[];
  /** Resolves when the operator has been told something of this form. */
  told(form: RegExp): Promise<void>;
  service: boolean;
}

export const GRANT = 'holder/peers';

export async function startNode(
  config: PeersConfig,
  power: Partial<Parameters<typeof peersPower.parse>[0] & object> = {},
): Promise<TestNode> {
  const reports: NativeError[] = [];
  const listeners: (() => void)[] = [];
  const node = { service: true };
  const resolver = new PeersResolver({
    config,
    platform: livedPlatform(),
    inService: () => node.service,
    report: (error) => {
      reports.push(error);
      for (const listener of listeners) listener();
    },
  });
  await resolver.grant(GRANT, peersPower.parse({ kind: 'peers', ...power }));
  const host = new Host(resolver.natives);
  return Object.assign(node, {
    resolver,
    host,
    peers: host.object('peers', powerHandle(GRANT)),
    reports,
    told: (form: RegExp) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (reports.some(({ message }) => form.test(message))) resolve();
        };
        listeners.push(look);
        look();
      }),
  });
}

/** Asks again and again, for things that become so by themselves. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}
