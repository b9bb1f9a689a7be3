/** The nodes of a configuration: what is refused, where, and in which words. */
import assert from 'node:assert/strict';
import { isPowerboxError } from '../../src/errors.ts';
import { endpointOf, peerAddresses, peersConfig, readGrants } from '../../src/capability/index.ts';
import type { PeersConfigSource } from '../../src/capability/index.ts';

const SECRET = '0123456789abcdef0123456789abcdef';

const good: PeersConfigSource = {
  name: 'node-a',
  listen: '127.0.0.1:7400',
  nodes: [
    { name: 'node-b', address: 'node-b.example.com:7400', secret: SECRET },
    { name: 'node-c', address: '[fd00::3]:7400', secret: `${SECRET}c` },
  ],
};

/** One node of `good` with something else in it. */
function but(index: number, change: Partial<PeersConfigSource['nodes'][number]>): PeersConfigSource {
  return { ...good, nodes: good.nodes.map((node, at) => (at === index ? { ...node, ...change } : node)) };
}

describe('capability: the other nodes', () => {
  it('a node knows the addresses and secrets of the others', () => {
    const read = peerAddresses(peersConfig.parse(good));
    assert.deepEqual(
      read.map(({ name, endpoint, secret }) => [name, endpoint.host, endpoint.port, Buffer.from(secret).toString()]),
      [
        ['node-b', 'node-b.example.com', 7400, SECRET],
        ['node-c', 'fd00::3', 7400, `${SECRET}c`],
      ],
    );
    assert.equal(endpointOf('127.0.0.1:7400').port, 7400);
  });

  const refused: readonly (readonly [what: string, given: unknown, path: string, words: RegExp])[] = [
    ['a name with capitals', { ...good, name: 'A' }, 'name', /a letter a to z and at most 31/],
    ['a name that ends with a dash', { ...good, name: 'a-' }, 'name', /not at the end/],
    ['a name with a space', but(0, { name: 'a b' }), 'nodes.0.name', /a letter a to z/],
    ['a name of 33 letters', but(0, { name: 'a'.repeat(33) }), 'nodes.0.name', /at most 31/],
    ['the node among the others', but(1, { name: 'node-a' }), 'nodes.1.name', /list the others only/],
    ['a node twice', but(1, { name: 'node-b' }), 'nodes.1.name', /of this name is listed above/],
    [
      'an address twice',
      but(1, { address: 'node-b.example.com:7400' }),
      'nodes.1.address',
      /of this address is listed/,
    ],
    ['an address without a port', but(0, { address: 'node-b' }), 'nodes.0.address', /a host, a colon and a port/],
    ['port 0 of another node', but(0, { address: '10.0.0.1:0' }), 'nodes.0.address', /port 0 is no port/],
    ['an octal address', but(0, { address: '010.0.0.1:1' }), 'nodes.0.address', /is no host/],
    ['a name to listen at', { ...good, listen: 'localhost:7400' }, 'listen', /an address of this machine/],
    ['a short secret', but(0, { secret: SECRET.slice(1) }), 'nodes.0.secret', /32 bytes or more, this one has 31/],
    ['a secret of two pairs', but(1, { secret: SECRET }), 'nodes.1.secret', /each needs one of its own/],
    ['no secret', { ...good, nodes: [{ name: 'b', address: 'b:1' }] }, 'nodes.0.secret', /secret/],
    ['no nodes', { ...good, nodes: [] }, 'nodes', /./],
    ['a key that there is not', { ...good, port: 1 }, '', /port/],
  ];
  for (const [what, given, path, words] of refused) {
    it(`${what} is refused where it stands`, () => {
      const { error } = peersConfig.safeParse(given);
      assert(error !== undefined);
      const found = error.issues.find((issue) => issue.path.join('.') === path);
      assert(found !== undefined, error.issues.map((issue) => issue.path.join('.')).join());
      assert.match(found.message, words);
      assert(!JSON.stringify(error.issues).includes(SECRET.slice(1)), 'a secret is repeated');
    });
  }

  it('a secret that is filled in later is checked then', () => {
    const config = peersConfig.parse(but(0, { secret: '${env:SHORT}' }));
    for (const { secret } of config.nodes) secret.fill(() => 'too short');
    assert.throws(
      () => peerAddresses(config),
      (error: unknown) =>
        isPowerboxError(error) &&
        error.code === 'config_invalid' &&
        /nodes\.0\.secret.*this one has 9/.test(error.message),
    );
  });

  it('a grant names nodes, a topic and a size, or has the defaults', () => {
    const [all, some] = readGrants([
      { kind: 'peers' },
      { kind: 'peers', name: 'votes', nodes: ['node-b'], topic: 'votes', message_bytes_max: 1_000 },
    ]);
    assert.deepEqual(all, { kind: 'peers', name: 'peers', topic: 'peers', message_bytes_max: 1024 * 1024 });
    assert.equal(some?.kind, 'peers');
    for (const wrong of [{ nodes: [] }, { nodes: ['B'] }, { topic: 'a b' }, { message_bytes_max: 0 }, { to: 'b' }]) {
      assert.throws(
        () => readGrants([{ kind: 'peers', ...wrong }]),
        (error) => isPowerboxError(error) && error.code === 'config_invalid',
      );
    }
  });
});
