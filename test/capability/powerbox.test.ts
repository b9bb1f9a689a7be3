/** A holder's powerbox: what it reaches, that it is the same after a restart, and that nobody widens it. */
import assert from 'node:assert/strict';
import {
  readFileHandle,
  readGrants,
  readSystemHandle,
  grantedUris,
  openPublicSystem,
  parseGrant,
  parseGrants,
  powerboxChannel,
  uris,
} from '../../src/capability/index.ts';
import type { Grant } from '../../src/capability/index.ts';
import { readNativeEnvironment } from '../../channels/index.ts';
import { Bundle, Name } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { FakeTurn } from './turn.ts';

const FILES = {
  kind: 'files' as const,
  name: 'files',
  root: '/nowhere',
  below: '',
  readOnly: false,
  acceptWeakConfinement: false,
};
const DOCS = { ...FILES, name: 'docs' };
const STDIO: Grant = { kind: 'stdio' };

function inner(channel: Value | undefined): Name {
  assert(channel instanceof Bundle && channel.body instanceof Name);
  return channel.body;
}

describe('a powerbox', () => {
  it('gives the URIs of its grants and no other', () => {
    const { turn } = new FakeTurn();
    assert.deepEqual([...uris(turn, 'main', []).keys()], ['rho:powerbox']);
    const all = ['rho:powerbox', 'rho:io:stdout', 'rho:io:stdoutAck', 'rho:io:stderr', 'rho:io:stderrAck', 'rho:text'];
    const grants: Grant[] = [STDIO, FILES, { kind: 'native', uri: 'rho:text', native: 'text', handle: null }];
    assert.deepEqual([...uris(turn, 'main', grants).keys()], all);
    assert.deepEqual(grantedUris(grants), all);
    assert.throws(
      () => uris(turn, 'main', [...grants, { kind: 'native', uri: 'rho:text', native: 'text', handle: 1 }]),
      { code: 'config_invalid' },
    );
  });

  it('gives write-only bundles of unforgeable names, each with its native behind it', () => {
    const fake = new FakeTurn();
    for (const channel of uris(fake.turn, 'main', [STDIO, FILES]).values()) {
      assert(channel instanceof Bundle && channel.write && !channel.read);
      assert.equal(fake.at(inner(channel))?.label, 'native');
    }
  });

  it('finds the same names again, and others for another holder', () => {
    const fake = new FakeTurn();
    const first = [...uris(fake.turn, 'main', [STDIO, FILES]).values()].map(inner);
    const { drawn } = fake;
    const again = [...uris(fake.turn, 'main', [STDIO, FILES]).values()].map(inner);
    assert.deepEqual(again, first);
    assert.equal(fake.drawn, drawn);
    const other = [...uris(fake.turn, 'other', [STDIO, FILES]).values()].map(inner);
    assert(other.every((name) => !first.includes(name)));
  });

  it('hands out what was granted, each under the grant it came from', () => {
    const fake = new FakeTurn();
    const body = fake.at(inner(powerboxChannel(fake.turn, 'main', [STDIO, DOCS, FILES])));
    const { native, handle, id } = readNativeEnvironment(body?.environment ?? []);
    assert.deepEqual([native, id], ['system', '']);
    const { powers } = readSystemHandle(handle);
    assert.deepEqual(
      powers.map(({ method, name }) => `${method} ${name}`),
      ['stdout stdio', 'stderr stdio', 'stdin stdio', 'fileSystem docs', 'fileSystem files'],
    );
    const docs = readNativeEnvironment(fake.at(inner(powers[3]?.channel))?.environment ?? []);
    assert.equal(docs.cap, 'main/docs');
    assert.deepEqual([docs.native, readFileHandle(docs.handle)], ['directory', { grant: 'main/docs', path: [] }]);
  });

  it('without a grant holds nothing of it', () => {
    const fake = new FakeTurn();
    powerboxChannel(fake.turn, 'main', [STDIO, FILES]);
    const later = fake.at(inner(powerboxChannel(fake.turn, 'main', [])));
    assert.deepEqual(readSystemHandle(readNativeEnvironment(later?.environment ?? []).handle).powers, []);
  });

  it('answers on the public name only where that was turned on', () => {
    const fake = new FakeTurn();
    uris(fake.turn, 'main', [STDIO]);
    assert.equal(fake.at('system'), undefined);
    openPublicSystem(fake.turn, 'main', [STDIO]);
    assert.equal(fake.at('system')?.environment[0], 'system');
  });

  it('has a holder with a plain name', () => {
    for (const holder of ['', 'a/b', 'a b', 'x'.repeat(65)]) {
      assert.throws(() => uris(new FakeTurn().turn, holder, []), { code: 'config_invalid' });
    }
  });
});

describe('grants', () => {
  it('are read from a command line', () => {
    const plain = {
      kind: 'files',
      name: 'files',
      root: './data',
      readOnly: false,
      acceptWeakConfinement: false,
    };
    assert.deepEqual(parseGrant('files=./data'), plain);
    assert.deepEqual(parseGrant('docs:ro=/srv/a=b:c'), { ...plain, name: 'docs', root: '/srv/a=b:c', readOnly: true });
    assert.deepEqual(parseGrant('files:weak:ro=x'), {
      ...plain,
      root: 'x',
      readOnly: true,
      acceptWeakConfinement: true,
    });
    assert.deepEqual(parseGrants(['stdio', 'files=a']), [{ kind: 'stdio' }, { ...plain, root: 'a' }]);
    for (const kind of ['timer', 'random', 'crypto', 'hardware']) assert.deepEqual(parseGrant(kind), { kind });
  });

  it('of the network are read from a command line, those of one kind as one power', () => {
    const [http, tcp, udp, ...others] = parseGrants([
      'http=https://api.example.com/v1/',
      'tcp=example.com:443',
      'http:ro=http://127.0.0.1:8080',
      'tcp:listen=127.0.0.1:9000-9010',
      'udp=10.0.0.0/8:53',
      'udp:bind=127.0.0.1:0',
    ]);
    assert.deepEqual(others, []);
    assert(http?.kind === 'http' && tcp?.kind === 'tcp' && udp?.kind === 'udp');
    assert.deepEqual(
      http.origins.map(({ origin, methods, paths }) => [origin, methods?.length, paths]),
      [
        ['https://api.example.com', 7, ['/v1']],
        ['http://127.0.0.1:8080', 2, ['/']],
      ],
    );
    assert.deepEqual([tcp.connect, tcp.listen], [['example.com:443'], ['127.0.0.1:9000-9010']]);
    assert.deepEqual([udp.send, udp.bind], [['10.0.0.0/8:53'], ['127.0.0.1:0']]);
  });

  it('that cannot be read are refused with what was expected', () => {
    for (const [text, why] of [
      ['files', /expected NAME=DIR, http=URL/],
      ['timer=1', /timer takes no directory/],
      ['http=ftp://x', /"ftp:\/\/x" is no origin/],
      ['http=https://example.com/?q', /without \? and #/],
      ['http:rw=https://example.com', /no option "rw": there is ro/],
      ['tcp=example.com', /"example.com" is no rule/],
      ['tcp:bind=127.0.0.1:1', /no option "bind": there are connect and listen/],
      ['udp:toString=127.0.0.1:1', /no option "toString"/],
      ['tcp:listen=localhost:1', /names no address of this machine/],
      ['files=', /directory after = is missing/],
      ['=x', /no name/],
      ['Files=x', /no name/],
      ['files:rw=x', /no option "rw"/],
      ['stdio=x', /takes no directory/],
      ['', /expected/],
    ] as const) {
      assert.throws(
        () => parseGrant(text),
        (error: Error & { code?: string }) => error.code === 'usage' && why.test(error.message),
        text,
      );
    }
    assert.throws(() => parseGrants(['a=x', 'a=y']), { code: 'usage' });
  });

  it('are read from a configuration, every wrong place named, nothing unknown passed over', () => {
    assert.deepEqual(readGrants([{ kind: 'stdio' }, { kind: 'files', name: 'a', root: 'x' }]), [
      { kind: 'stdio' },
      { kind: 'files', name: 'a', root: 'x', below: '', readOnly: false, acceptWeakConfinement: false },
    ]);
    const wrong: readonly [unknown, RegExp][] = [
      [{}, /grants: /],
      [[{ kind: 'gopher' }], /grants\.0\.kind/],
      [[{ kind: 'files', name: 'a' }], /grants\.0\.root/],
      [[{ kind: 'files', name: 'A', root: 'x', readonly: true }], /grants\.0\.name.*readonly/s],
      [
        [
          { kind: 'files', name: 'a', root: 'x' },
          { kind: 'files', name: 'a', root: 'y' },
        ],
        /granted twice/,
      ],
    ];
    for (const [configuration, why] of wrong) {
      assert.throws(
        () => readGrants(configuration),
        (error: Error & { code?: string }) => error.code === 'config_invalid' && why.test(error.message),
      );
    }
  });
});
