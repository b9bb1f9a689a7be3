/**
 * The nodes that send each other messages, as an operator configures them: this node's name, where it listens, and
 * for each other node its name, its address and the secret that these two share.
 */
import { z } from 'zod';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { type Secret, secretText } from './powers/secret.ts';

const NODE_NAME = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** Names travel in the handshake, so they are plain. */
export const nodeName = z
  .string()
  .regex(NODE_NAME, 'the name of a node is a letter a to z and at most 31 letters, digits or - (not at the end)');

const nodeAddress = z.string().superRefine((text, context) => {
  const endpoint = parseEndpoint(text);
  if (typeof endpoint === 'string') context.addIssue({ code: 'custom', message: endpoint });
  else if (endpoint.port === 0) context.addIssue({ code: 'custom', message: 'port 0 is no port of another node' });
});

const listenAddress = z.string().superRefine((text, context) => {
  const endpoint = parseEndpoint(text);
  if (typeof endpoint === 'string') context.addIssue({ code: 'custom', message: endpoint });
  else if (endpoint.address === null) {
    context.addIssue({
      code: 'custom',
      message: 'an address of this machine is expected, as in 10.0.0.1:7400, no name',
    });
  }
});

export const peersConfig = z
  .strictObject({
    name: nodeName.describe('What the other nodes call this one.'),
    /** Address of this machine and port, as in `10.0.0.1:7400`; every address only where `0.0.0.0` is spelled out. */
    listen: listenAddress,
    nodes: z
      .array(
        z.strictObject({
          name: nodeName.describe('What that node is called.'),
          /** Where it listens, as in `10.0.0.2:7400` or `node-b.example.com:7400`. */
          address: nodeAddress,
          /** Known to these two nodes and to no other: 32 bytes or more, as of `openssl rand -hex 32`. */
          secret: secretText,
        }),
      )
      .min(1)
      .max(limits.peer_nodes_max),
  })
  .superRefine(({ name, nodes }, context) => {
    const issue = (index: number, field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: ['nodes', index, field], message });
    nodes.forEach((node, index) => {
      const before = nodes.slice(0, index);
      if (node.name === name) issue(index, 'name', 'this is the node itself: list the others only');
      else if (before.some((other) => other.name === node.name))
        issue(index, 'name', 'a node of this name is listed above');
      if (before.some((other) => other.address === node.address))
        issue(index, 'address', 'a node of this address is listed above');
      const fault = node.secret.isFilled ? secretFault(node.secret, before) : null;
      if (fault !== null) issue(index, 'secret', fault);
    });
  });

/** Once every secret has its text. */
export type PeersConfig = z.output<typeof peersConfig>;
export type PeersConfigSource = z.input<typeof peersConfig>;

/** One of the other nodes, ready for use. */
export interface PeerAddress {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** For the keys of this pair, and nothing else. */
  readonly secret: Uint8Array;
}

/** The other nodes with their secrets filled in. Refused with `config_invalid` where one is too short or used twice. */
export function peerAddresses({ nodes }: PeersConfig): readonly PeerAddress[] {
  return nodes.map((node, index) => {
    const fault = secretFault(node.secret, nodes.slice(0, index));
    if (fault !== null) throw new PowerboxError('config_invalid', `peers.nodes.${index}.secret: ${fault}`);
    return { name: node.name, endpoint: endpointOf(node.address), secret: utf8.encode(node.secret.reveal()) };
  });
}

/** An address that the schema has read. */
export function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (typeof endpoint === 'string') throw new Error(endpoint);
  return endpoint;
}

const utf8 = new TextEncoder();

/** Two pairs with one secret would be one pair: each could speak for the other. */
export function secretFault(secret: Secret, others: readonly { readonly secret: Secret }[]): string | null {
  const text = secret.reveal();
  const { length } = utf8.encode(text);
  if (length < limits.peer_secret_bytes_min)
    return `a secret has ${limits.peer_secret_bytes_min} bytes or more, this one has ${length}: try openssl rand -hex 32`;
  return others.some((other) => other.secret.isFilled && other.secret.reveal() === text)
    ? 'another pair of nodes has this secret: each needs one of its own'
    : null;
}
