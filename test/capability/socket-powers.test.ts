/** Powers of TCP and UDP as an operator writes them: what is refused, with what was expected; what is meant by nothing. */
import assert from 'node:assert/strict';
import { readGrants } from '../../src/capability/index.ts';
import { isPowerboxError } from '../../src/errors.ts';

/** What the refusal says, place and reason. */
function refusal(power: object): string {
  try {
    readGrants([power]);
  } catch (error) {
    if (isPowerboxError(error) && error.code === 'config_invalid') return error.message;
    throw error;
  }
  return 'it was taken';
}

const REFUSED: readonly (readonly [field: string, value: unknown, said: RegExp])[] = [
  ['connect', 'example.com:443', /grants\.0\.connect: .*array/i],
  ['connect', ['example.com'], /grants\.0\.connect\.0: .*a host, a colon and ports/],
  ['connect', ['10.0.0.0/8'], /connect\.0: /],
  ['connect', ['10.0.0.1/8:80'], /connect\.0: .*write 10\.0\.0\.0\/8/],
  ['connect', ['ok.example:1', 'https://example.com:443'], /connect\.1: /],
  ['connect', ['example.com:80-70'], /connect\.0: .*end before they begin/],
  ['connect', ['example.com:65536'], /connect\.0: .*65535/],
  ['connect', ['Example.com:80'], /connect\.0: .*lower case/],
  ['connect', ['[::ffff:10.0.0.1]:80'], /connect\.0: .*write it as IPv4/],
  ['listen', ['localhost:80'], /listen\.0: .*names no address of this machine/],
  ['listen', ['*:80'], /listen\.0: .*names no address of this machine/],
  ['listen', ['8080'], /listen\.0: /],
  ['localPorts', 'any', /localPorts: .*is no port/],
  ['localPorts', '0,70000', /localPorts: .*70000/],
  ['sockets_max', 0, /sockets_max: /],
  ['sockets_max', 1e9, /sockets_max: /],
  ['idle_ms_max', 1.5, /idle_ms_max: /],
  ['in_bytes_per_second', 0, /in_bytes_per_second: /],
  ['receive_bytes_max', 2 ** 30, /receive_bytes_max: /],
  ['tls', { cert: 'a.pem' }, /tls: .*cert and key belong together/],
  ['tls', { rejectUnauthorized: false }, /tls: .*rejectUnauthorized/],
  ['serverTls', { cert: 'a.pem' }, /serverTls\.key: /],
  ['conect', ['example.com:443'], /conect/],
];

describe('powers of TCP and UDP', () => {
  for (const [field, value, said] of REFUSED) {
    it(`tcp: ${field} ${JSON.stringify(value)} is refused, and it is said why`, () => {
      assert.match(refusal({ kind: 'tcp', [field]: value }), said);
    });
  }

  for (const [field, value, said] of [
    ['bind', ['localhost:53'], /bind\.0: .*names no address/],
    ['send', ['10.0.0.0/8'], /send\.0: /],
    ['multicast', ['all'], /multicast\.0: .*is no address/],
    ['multicast', ['8.8.8.8'], /multicast\.0: "8\.8\.8\.8" is no group/],
    ['multicast', ['0.0.0.0/0'], /multicast\.0: .*has others beside/],
    ['multicast', ['224.0.0.0/3'], /multicast\.0: .*has others beside/],
    ['multicast', ['fe00::/7'], /multicast\.0: .*has others beside/],
    ['replyRatio_max', 0, /replyRatio_max: /],
    ['replyRatio_max', 1e6, /replyRatio_max: /],
    ['datagrams_per_second', 0, /datagrams_per_second: /],
    ['unread_max', 1e9, /unread_max: /],
    ['listen', ['127.0.0.1:53'], /listen/],
  ] as const) {
    it(`udp: ${field} ${JSON.stringify(value)} is refused, and it is said why`, () => {
      assert.match(refusal({ kind: 'udp', [field]: value }), said);
    });
  }

  it('a group, a range of groups, and all groups can be granted', () => {
    const multicast = ['239.1.2.3', '239.1.0.0/16', '224.0.0.0/4', 'ff02::1', 'ff00::/8'];
    const [udp] = readGrants([{ kind: 'udp', multicast }]);
    assert(udp?.kind === 'udp');
    assert.deepEqual(udp.multicast, multicast);
  });

  it('without rules they reach nothing, and what is not said has its bound', () => {
    const [tcp, udp] = readGrants([{ kind: 'tcp' }, { kind: 'udp' }]);
    assert(tcp?.kind === 'tcp' && udp?.kind === 'udp');
    assert.deepEqual([tcp.connect, tcp.listen, tcp.localPorts, tcp.serverTls], [[], [], '0', undefined]);
    assert.deepEqual([udp.bind, udp.send, udp.multicast, udp.reply_only], [[], [], [], false]);
    for (const bound of [
      tcp.sockets_max,
      tcp.idle_ms_max,
      tcp.connect_ms_max,
      tcp.receive_bytes_max,
      udp.sockets_max,
      udp.unread_max,
    ])
      assert.ok(Number.isSafeInteger(bound) && bound > 0);
  });
});
