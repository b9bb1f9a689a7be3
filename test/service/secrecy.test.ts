/** Tokens, names, secrets of sessions and what signs a holder in stand in no line that anybody is told. */
import assert from 'node:assert/strict';
import type { FailureReport } from '../../src/embedding/index.ts';
import type { ServiceObserver } from '../../src/service/index.ts';
import { list, type Name, type Value } from '../../src/values/index.ts';
import type { Capability } from '../../src/wire/index.ts';
import { messageIn, RawClient } from './raw-client.ts';
import { Bench } from './support.ts';

const none = { persist: false, lease_ms: null } as const;
const SIGNED = 'a-signed-token-that-nobody-else-may-see';

describe('no line that is told', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('holds a token, a raw name, the secret of a session, or what signs a holder in', async () => {
    const told: unknown[] = [];
    const tell = (...what: unknown[]): void => void told.push(what);
    const space = await bench.space({
      onFailure: (failure: FailureReport) => tell(failure),
      console: {
        stdout: async () => {},
        stderr: async (bytes) => tell(Buffer.from(bytes).toString()),
        readLine: async () => null,
      },
    });
    const observe: ServiceObserver = { opened: tell, closed: tell, requests: tell, refused: tell, bytes: tell };
    const auth = {
      authenticate: async ({ token }: { token: string | null }) => ({
        holder: token === SIGNED ? 'alice' : 'bob',
        expires_ms: null,
        spaces: null,
      }),
    };
    const service = await bench.serve(space, { auth, observe });
    const alice = await bench.connect(service, { token: SIGNED });
    const bob = await bench.connect(service, { token: 'bob' });
    const name = (await space.newName()) as Name;
    await space.produce('to alice', [name, name]);
    const slots = [{ channel: 'to alice', pattern: null, peek: false }];
    const message = messageIn(await alice.ask({ kind: 'take', slots, limit_ms: 0 })) as readonly Value[];
    const token = message[0] as Capability;
    const timer = (await alice.ask({
      kind: 'call',
      target: alice.powerbox,
      method: 'timer',
      args: [],
      limit_ms: 60_000,
    })) as Capability;

    // Everything that can go wrong with them.
    const wrong: Parameters<RawClient['ask']>[0][] = [
      { kind: 'call', target: timer, method: 'none', args: [token], limit_ms: 60_000 },
      { kind: 'call', target: timer, method: 'after', args: [token, token], limit_ms: 60_000 },
      { kind: 'call', target: token, method: null, args: [token], limit_ms: 1 },
      { kind: 'take', slots: [{ channel: timer, pattern: null, peek: false }], limit_ms: 0 },
      { kind: 'produce', channel: 'system', message: [token], ...none },
      {
        kind: 'deploy',
        text: 'new x(`app:x`) in { for (@1 <- x) { Nil } | x!("a" + 1) | x!(y) }',
        name: 'p',
        uris: new Map([['app:x', token]]),
      },
      {
        kind: 'deploy',
        text: 'new x(`app:x`) in { x!(1 / 0) | @{*x + 1}!(2) }',
        name: 'p',
        uris: new Map([['app:x', token]]),
      },
    ];
    for (const ask of wrong) await alice.ask(ask).catch(tell);
    await bob.ask({ kind: 'produce', channel: token, message: [list([token])], ...none }).catch(tell);
    await bob.ask({ kind: 'produce', channel: 'public', message: [token], ...none }).catch(tell);
    await bob.ask({ kind: 'release', capabilities: [token], handled: 0 }).catch(tell);
    await space.revoke('clock', { holder: 'alice' });
    await alice.ask({ kind: 'call', target: timer, method: 'now', args: [], limit_ms: 60_000 }).catch(tell);
    await RawClient.connect(service.address.url, { token: 'bob', session: alice.key() }).catch(tell);
    alice.frame([['produce', alice.id(), token, 'no message', token]]);
    await alice.closed;
    await RawClient.connect(service.address.url, { token: SIGNED, space: 'nowhere' }).catch(tell);
    for (const client of [alice, bob])
      for (const said of client.came) if (said.kind === 'error' || said.kind === 'bye') tell(said.error);
    for await (const row of space.audit()) tell(row);
    tell(await space.inspect(), space.grants(), space.holders(), service.counts());

    const lines = JSON.stringify(told, (_, value: unknown) =>
      value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value,
    );
    assert.ok(told.length > 20 && lines.includes('capability_refused') && lines.includes('wire_invalid'));
    const secrets = [token.token, timer.token, alice.powerbox.token, name.bytes, alice.key().secret, bob.key().secret];
    for (const secret of secrets) {
      const bytes = Buffer.from(secret);
      for (const form of [
        bytes.toString('hex'),
        bytes.toString('base64'),
        bytes.toString('base64url'),
        [...bytes].join(','),
        bytes.toString('latin1'),
      ])
        assert.ok(!lines.toLowerCase().includes(form.slice(2, 34).toLowerCase()), form);
    }
    assert.ok(!lines.includes(SIGNED));
  });
});
