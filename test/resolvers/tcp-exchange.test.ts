/** To say something and take the answer in one call, against real peers on loopback: alone, and in a space. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseCall } from '../../channels/index.ts';
import type { NativeAnswer } from '../../channels/index.ts';
import type { PowerSource } from '../../src/capability/index.ts';
import { openSpace } from '../../src/index.ts';
import type { Space } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import { bytes } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { TcpResolver } from '../../resolvers/tcp/resolver.ts';
import type { TestObject } from './host.ts';
import { textOf } from './host.ts';
import { allOf, closeSites, connector, grantTcp, infoOf, openHandles, Peer, received, until } from './sockets.ts';
import type { Site } from './sockets.ts';

const CHILD = fileURLToPath(new URL('./listener-child.ts', import.meta.url));
/** More than the system takes from one side and holds for the other that does not read. */
const LARGE_BYTES = 16 * 1024 * 1024;
const LARGE = bytes(Buffer.alloc(LARGE_BYTES, 'a'));

/** So many bytes that come to a peer which is not read from in another way; what comes with them is for the next call. */
async function comes(other: Socket, length: number): Promise<string> {
  const chunks: Buffer[] = [];
  for (let missing = length; missing > 0; ) {
    const chunk = other.read() as Buffer | null;
    if (chunk === null) {
      await once(other, 'readable');
      continue;
    }
    if (chunk.length > missing) other.unshift(chunk.subarray(missing));
    chunks.push(chunk.subarray(0, missing));
    missing -= Math.min(missing, chunk.length);
  }
  return Buffer.concat(chunks).toString('latin1');
}

function codeOf(answer: NativeAnswer): string {
  return 'error' in answer ? answer.error.code : 'ok';
}

describe('an exchange of a TCP connection', () => {
  let peer: Peer;
  let handles: number;
  const sites: Site<TcpResolver>[] = [];
  beforeEach(async () => {
    handles = openHandles();
    peer = await Peer.open();
  });
  afterEach(async () => {
    closeSites(sites);
    await peer.close();
    // What is left of a socket here or there is still among them.
    await until(() => openHandles() <= handles);
  });

  async function open(power: object = {}): Promise<readonly [TestObject, Socket]> {
    const site = await grantTcp({ connect: ['127.0.0.1:*'], receive_bytes_max: 1024, ...power });
    sites.push(site);
    const socket = await (await connector(site)).resolve('resolve', peer.address);
    return [socket, await peer.next()];
  }

  const unread = (socket: TestObject, count: number): Promise<void> =>
    until(async () => infoOf(await socket.call('info')).unread_bytes === count);

  /** A call, and who gives it up. */
  function givenUp(socket: TestObject, method: string, ...args: Value[]) {
    const abort = new AbortController();
    const answer = socket.run({ ...socket.prepare(method, args), signal: abort.signal });
    return { answer, giveUp: () => abort.abort() };
  }

  it('sends a string or bytes, and answers what comes, again and again', async () => {
    const [socket, other] = await open();
    other.pipe(other);
    assert.equal(textOf(await socket.call('exchange', 'hello')), 'hello');
    const odd = new Uint8Array([0, 255, 10]);
    assert.deepEqual(await socket.call('exchange', bytes(odd)), bytes(odd));
    for (let count = 0; count < 100; count++)
      assert.equal(textOf(await socket.call('exchange', `number ${count}`)), `number ${count}`);
    assert.equal(infoOf(await socket.call('info')).unread_bytes, 0);
  });

  it('with a count answers exactly so many, in whatever pieces they come, and leaves the rest', async () => {
    const [socket, other] = await open();
    const answer = socket.call('exchange', 'five', 5);
    assert.equal(await comes(other, 4), 'five');
    other.write('12');
    await unread(socket, 2);
    other.write('34567');
    assert.equal(textOf(await answer), '12345');
    assert.equal(await received(socket), '67');
  });

  it('exchangeUntil answers what stands before the delimiter, which is taken too', async () => {
    const [socket, other] = await open();
    const answer = socket.call('exchangeUntil', 'a line\r\n', '\r\n');
    assert.equal(await comes(other, 8), 'a line\r\n');
    other.write('one\r');
    await unread(socket, 4);
    other.write('\ntwo');
    assert.equal(textOf(await answer), 'one');
    assert.equal(await received(socket), 'two');
  });

  it('exchangeFrame sends one frame and answers one, whatever pieces it comes in', async () => {
    const [socket, other] = await open();
    const answer = socket.call('exchangeFrame', 'hi');
    assert.equal(await comes(other, 6), '\0\0\0\x02hi');
    for (const byte of [0, 0, 0, 3, 65, 66, 67, 0, 0, 0, 0]) other.write(Buffer.from([byte]));
    assert.equal(textOf(await answer), 'ABC');
    assert.equal(textOf(await socket.call('exchangeFrame', '')), '');
    assert.equal(await comes(other, 4), '\0\0\0\0');
  });

  it('passes over nothing: what lies there unread comes first, as it would for receive', async () => {
    const [socket, other] = await open();
    other.write('welcome');
    await unread(socket, 7);
    assert.equal(textOf(await socket.call('exchange', 'hello', 4)), 'welc');
    assert.equal(textOf(await socket.call('exchangeUntil', ' there', 'm')), 'o');
    assert.equal(await comes(other, 11), 'hello there');
    assert.equal(await received(socket), 'e');
  });

  it('takes behind a receive that waited before it, and before one that is asked later', async () => {
    const [socket, other] = await open();
    const before = received(socket, 3);
    const answer = socket.call('exchange', 'nine', 3);
    const after = received(socket, 3);
    assert.equal(await comes(other, 4), 'nine');
    for (const piece of ['a', 'bcde', 'fghi']) other.write(piece);
    assert.deepEqual([await before, textOf(await answer), await after], ['abc', 'def', 'ghi']);
  });

  it('of a peer that ends within the answer fails, and what has come is there for receive', async () => {
    for (const [method, ...more] of [['exchange', 4], ['exchangeUntil', '\n'], ['exchangeFrame']] as const) {
      const [socket, other] = await open();
      const refusal = socket.refusal(method, 'x', ...more);
      await comes(other, method === 'exchangeFrame' ? 5 : 1);
      other.end('abc');
      assert.match(await refusal, /^net_failed: .*3 bytes.*: truncated$/, method);
      assert.equal(await received(socket), 'abc');
      assert.equal(await received(socket), null);
    }
  });

  it('of a peer that ends without a word answers Nil; one can go on sending to it', async () => {
    for (const [method, ...more] of [
      ['exchange'],
      ['exchange', 4],
      ['exchangeUntil', '\n'],
      ['exchangeFrame'],
    ] as const) {
      const [socket, other] = await open();
      const answer = socket.call(method, 'x', ...more);
      const frame = method === 'exchangeFrame' ? '\0\0\0\x01x' : 'x';
      assert.equal(await comes(other, frame.length), frame);
      other.end();
      assert.equal(await answer, null, method);
      assert.equal(await socket.call(method, 'x', ...more), null);
      assert.equal(await comes(other, frame.length), frame);
    }
  });

  it('of a peer that resets while its answer is waited for says so, once', async () => {
    const [socket, other] = await open();
    const refusal = socket.refusal('exchange', 'x', 4);
    await comes(other, 1);
    other.resetAndDestroy();
    assert.match(await refusal, /^net_failed: .*: reset$/);
    assert.match(await socket.refusal('exchange', 'x'), /^handle_closed: .*reset$/);
  });

  it('that cannot be sent takes nothing: after a reset, and after end', async () => {
    const [socket, other] = await open();
    other.write('last words');
    await unread(socket, 10);
    const frame = socket.refusal('receiveUntil', '\n');
    other.resetAndDestroy();
    assert.match(await frame, /: truncated$/);
    assert.match(await socket.refusal('exchange', 'x'), /^net_failed: .*: reset$/);
    assert.equal(await received(socket), 'last words');

    const [ending, reader] = await open();
    reader.write('last words');
    await unread(ending, 10);
    await ending.call('end');
    for (const [method, ...more] of [['exchange'], ['exchange', 4], ['exchangeUntil', ' '], ['exchangeFrame']] as const)
      assert.match(await ending.refusal(method, 'x', ...more), /^handle_closed: .*after end/);
    assert.equal(await received(ending), 'last words');
    assert.equal(String(await allOf(reader)), '');
  });

  it('is refused by its declaration where the arguments are no such ones', async () => {
    const [{ native }] = await open();
    const wrong: readonly (readonly Value[])[] = [
      ['exchange'],
      ['exchange', 1],
      ['exchange', 'x', 0],
      ['exchange', 'x', 'y'],
      ['exchange', 'x', limits.read_bytes_max + 1],
      ['exchange', 'x', 1, 2],
      ['exchangeUntil', 'x'],
      ['exchangeUntil', 'x', ''],
      ['exchangeUntil', 'x', 1],
      ['exchangeUntil', 'x', 'y'.repeat(limits.delimiter_bytes_max + 1)],
      ['exchangeFrame'],
      ['exchangeFrame', null],
      ['exchangeFrame', 'x', 1],
    ];
    for (const args of wrong) {
      const parsed = parseCall(native.declaration, args);
      assert.equal(parsed.ok ? 'ok' : parsed.code, 'arguments_invalid', JSON.stringify(args.slice(0, 2)));
    }
  });

  it('of more bytes than there is ever room for is refused at once, and nothing is sent', async () => {
    const [socket, other] = await open();
    const waiting = received(socket, 2);
    assert.match(await socket.refusal('exchange', 'never', 1025), /^value_too_large: .*1025.*1024/);
    await socket.call('send', 'x');
    await socket.call('end');
    assert.equal(String(await allOf(other)), 'x');
    other.end('ab');
    assert.equal(await waiting, 'ab');
  });

  it('whose answer turns out to be too large fails, and the answer stays where it is', async () => {
    const [framing, first] = await open();
    const frame = framing.refusal('exchangeFrame', 'x');
    await comes(first, 5);
    first.write(Buffer.from([0, 0, 4, 0]));
    assert.match(await frame, /^value_too_large: the next frame has 1024 bytes/);
    assert.equal(await received(framing, 4), '\0\0\x04\0');

    const [lines, second] = await open();
    const line = lines.refusal('exchangeUntil', 'x', '\n');
    await comes(second, 1);
    second.write(Buffer.alloc(1024, 'y'));
    assert.match(await line, /^value_too_large: .*without the delimiter/);
    assert.equal(await received(lines, 1024), 'y'.repeat(1024));
  });

  it('whose caller gives up while it waits takes nothing, not even what has come of the answer', async () => {
    const [socket, other] = await open();
    const given = givenUp(socket, 'exchange', 'first', 4);
    assert.equal(await comes(other, 5), 'first');
    other.write('la');
    await unread(socket, 2);
    given.giveUp();
    assert.equal(codeOf(await given.answer), 'cancelled');
    const next = received(socket, 4);
    other.write('te');
    assert.equal(await next, 'late');
    const again = socket.call('exchange', 'second');
    assert.equal(await comes(other, 6), 'second');
    other.write('in time');
    assert.equal(textOf(await again), 'in time');
  });

  it('that was given up lets those behind it have what has come', async () => {
    const [socket, other] = await open();
    const given = givenUp(socket, 'exchange', 'first', 4);
    const next = received(socket);
    other.write('la');
    await unread(socket, 2);
    given.giveUp();
    assert.equal(await next, 'la');
    assert.equal(codeOf(await given.answer), 'cancelled');
  });

  it('whose caller gives up before its turn to send sends nothing and takes nothing', async () => {
    const [socket, other] = await open();
    other.write('early');
    await unread(socket, 5);
    const large = socket.call('send', LARGE);
    const given = givenUp(socket, 'exchange', 'never');
    given.giveUp();
    assert.ok((await comes(other, LARGE_BYTES)) === 'a'.repeat(LARGE_BYTES));
    await large;
    assert.equal(codeOf(await given.answer), 'cancelled');
    assert.equal(await received(socket), 'early');
    await socket.call('end');
    assert.equal(String(await allOf(other)), '');
  });

  it('whose caller gives up while it is being sent takes nothing; its data goes out, before what is sent later', async () => {
    const [socket, other] = await open();
    other.write('early');
    await unread(socket, 5);
    const given = givenUp(socket, 'exchange', LARGE);
    const next = socket.call('exchange', 'z', 7);
    given.giveUp();
    assert.ok((await comes(other, LARGE_BYTES)) === 'a'.repeat(LARGE_BYTES));
    assert.equal(codeOf(await given.answer), 'cancelled');
    assert.equal(await comes(other, 1), 'z');
    other.write('st');
    assert.equal(textOf(await next), 'earlyst');
  });

  it('whose caller gives up while it waits for the rate of the grant sends nothing and takes nothing', async () => {
    const [socket, other] = await open({ out_bytes_per_second: 1 });
    other.write('early');
    await unread(socket, 5);
    await socket.call('send', 'as much as an hour has room for'.repeat(100));
    const given = givenUp(socket, 'exchange', 'never');
    given.giveUp();
    assert.equal(codeOf(await given.answer), 'cancelled');
    assert.equal(await received(socket), 'early');
    assert.equal(infoOf(await socket.call('info')).sent_bytes, 3100);
    await socket.call('end');
    assert.equal((await allOf(other)).length, 3100);
  });

  it('hears that the socket is closed, whether it waits for its answer, is being sent, or stands in line', async () => {
    const [waiting, first] = await open();
    const answer = waiting.refusal('exchange', 'question');
    assert.equal(await comes(first, 8), 'question');
    await waiting.call('close');
    assert.match(await answer, /^handle_closed: this socket was closed/);

    const [sending, second] = await open();
    const large = sending.refusal('exchange', LARGE);
    const line = sending.refusal('exchange', 'never');
    await sending.call('close');
    assert.ok((await comes(second, LARGE_BYTES)) === 'a'.repeat(LARGE_BYTES));
    for (const refusal of [await large, await line]) assert.match(refusal, /^handle_closed/);
    assert.equal(String(await allOf(second)), '');
  });

  it('ends with its connection: after the idle time, and with a grant that is taken back', async () => {
    const [idle, first] = await open({ idle_ms_max: 60 });
    first.resume();
    assert.match(await idle.refusal('exchange', 'anybody?'), /^handle_closed: .*60 ms/);
    const [revoked, second] = await open();
    const refusal = revoked.refusal('exchange', 'anybody?');
    await comes(second, 8);
    for (const { resolver } of sites) resolver.close();
    assert.match(await refusal, /^not_available/);
  });
});

describe('exchanges in a space', function () {
  this.timeout(300_000);
  const TCP: PowerSource = { kind: 'tcp', connect: ['127.0.0.1:*'] };
  let directory: string;
  let handles: number;
  let peer: Peer;
  beforeEach(async () => {
    handles = openHandles();
    directory = mkdtempSync(join(tmpdir(), 'powerbox-exchange-'));
    peer = await Peer.open();
  });
  afterEach(async () => {
    await peer.close();
    rmSync(directory, { recursive: true, force: true });
    await until(() => openHandles() <= handles);
  });

  /** A program that has a socket to the peer. */
  const withSocket = (body: string): string => `new box(\`rho:powerbox\`) in {
    for (tcp <- box!?("tcpClient")) { for (connector <- tcp!?("resolve", "0")) {
      for (socket <- connector!?("resolve", "${peer.address}")) { ${body} }
    } }
  }`;

  async function reading(space: Space, channel: string): Promise<unknown> {
    return (await space.consume([{ channel }], { limit_ms: 60_000 }))[0]?.[0];
  }

  async function readingCode(space: Space, channel: string): Promise<string> {
    const answer = (await reading(space, channel)) as [string, { code: string }];
    assert.equal(answer[0], 'error');
    return answer[1].code;
  }

  async function readingText(space: Space, channel: string): Promise<string> {
    return Buffer.from((await reading(space, channel)) as Uint8Array).toString();
  }

  it('that are asked for at once are done one after the other in their order, and so is what is sent later', async () => {
    const space = await openSpace({ data: directory, grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      await space.run(
        withSocket(`
          for (@text <= @"ask") { for (@answer <- socket!?("exchange", text)) { @"answer"!([text, answer]) } } |
          for (@text <= @"tell") { for (@Nil <- socket!?("send", text)) { Nil } } |
          @"ready"!(Nil)`),
      );
      const other = await peer.next();
      await reading(space, 'ready');
      const texts = Array.from({ length: 20 }, (_, index) => `question ${index}`);
      const heard: string[] = [];
      other.on('data', (chunk) => {
        heard.push(String(chunk));
        // Who does not wait for the answer is heard meanwhile.
        if (String(chunk) !== 'the end') setTimeout(() => other.write(`answer to ${chunk}`), 5);
      });
      const asked = texts.map((text) => ({ channel: 'ask', message: [text] }));
      await space.produceAll([...asked, { channel: 'tell', message: ['the end'] }]);
      for (const text of texts) {
        const [question, answer] = (await reading(space, 'answer')) as [string, Uint8Array];
        assert.deepEqual([question, Buffer.from(answer).toString()], [text, `answer to ${text}`]);
      }
      await until(() => heard.length > texts.length);
      assert.deepEqual(heard, [...texts, 'the end']);
    } finally {
      await space.close();
    }
  });

  it('that wait keep no other call of their program from being made', async () => {
    const space = await openSpace({ grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      const count = limits.effects_running_max + 1;
      await space.run(`new box(\`rho:powerbox\`) in {
        for (tcp <- box!?("tcpClient")) { for (connector <- tcp!?("resolve", "0")) {
          for (@text <= @"ask") {
            for (socket <- connector!?("resolve", "${peer.address}"); @answer <- socket!?("exchange", text)) {
              @"answer"!(answer)
            }
          }
        } }
      }`);
      await space.produceAll(Array.from({ length: count }, () => ({ channel: 'ask', message: ['question'] })));
      // Nobody is answered before all have asked.
      const others: Socket[] = [];
      while (others.length < count) others.push(await peer.next());
      for (const other of others) assert.equal(await comes(other, 8), 'question');
      for (const other of others) other.write('answer');
      for (let left = count; left > 0; left--) assert.equal(await readingText(space, 'answer'), 'answer');
    } finally {
      await space.close();
    }
  });

  it('hold up nobody who closes the socket, and hear of it, as who receives does', async () => {
    const space = await openSpace({ data: directory, grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      await space.run(
        withSocket(`
          for (@answer <- socket!?("exchangeUntil", "question", "\\n")) { @"answer"!(answer) } |
          for (_ <- @"receive"; @first <- socket!?("receive")) { @"received"!(first) } |
          for (_ <- @"close"; @Nil <- socket!?("close")) { @"closed"!(Nil) }`),
      );
      const other = await peer.next();
      assert.equal(await comes(other, 8), 'question');
      await space.produce('receive', [null]);
      await space.produce('close', [null]);
      await reading(space, 'closed');
      assert.equal(await readingCode(space, 'answer'), 'handle_closed');
      assert.equal(await readingCode(space, 'received'), 'handle_closed');
    } finally {
      await space.close();
    }
  });

  it('are refused, and nothing is sent, by wrong arguments and on a channel that can only look', async () => {
    const space = await openSpace({ grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      await space.run(
        withSocket(`
          for (reader <- socket!?("readOnly"); @wrong <- socket!?("exchange", "never", 0);
               @refused <- reader!?("exchange", "never"); @Nil <- socket!?("end")) {
            @"wrong"!(wrong) | @"refused"!(refused)
          }`),
      );
      assert.equal(String(await allOf(await peer.next())), '');
      assert.equal(await readingCode(space, 'wrong'), 'arguments_invalid');
      assert.equal(await readingCode(space, 'refused'), 'not_permitted');
    } finally {
      await space.close();
    }
  });

  for (const [by, derived, code] of [
    ['limits its time', 'brief <- socket!?("within", 100)', 'timed_out'],
    ['cancels', '@[*brief, *revoker] <- socket!?("revocable")', 'cancelled'],
  ] as const)
    it(`whose caller ${by} end so, and what comes then is for who receives next`, async () => {
      const space = await openSpace({ grants: { powers: [TCP] }, onFailure: () => {} });
      try {
        await space.run(
          withSocket(`
            for (${derived}) {
              ${code === 'cancelled' ? 'for (_ <- @"cancel") { revoker!("cancel") } |' : ''}
              for (@answer <- brief!?("exchange", "question", 4)) {
                @"answer"!(answer) |
                for (@late <- socket!?("receive", 4); @again <- socket!?("exchange", "again")) {
                  @"late"!(late) | @"again"!(again)
                }
              }
            }`),
        );
        const other = await peer.next();
        assert.equal(await comes(other, 8), 'question');
        other.write('la');
        if (code === 'cancelled') await space.produce('cancel', [null]);
        assert.equal(await readingCode(space, 'answer'), code);
        other.write('te');
        assert.equal(await comes(other, 5), 'again');
        other.write('in time');
        assert.equal(await readingText(space, 'late'), 'late');
        assert.equal(await readingText(space, 'again'), 'in time');
      } finally {
        await space.close();
      }
    });

  /** Of two exchanges one waits for its answer, whichever it is, and the other one for its turn. */
  const two = (): string =>
    withSocket(`
      for (@answer <- socket!?("exchange", "question")) { @"answer"!(answer) } |
      for (@answer <- socket!?("exchange", "question")) { @"answer"!(answer) } |
      @"bound"!("to the peer")`);

  async function afterwards(): Promise<void> {
    const space = await openSpace({ data: directory, grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      const codes = [await readingCode(space, 'answer'), await readingCode(space, 'answer')];
      assert.deepEqual(codes.toSorted(), ['handle_closed', 'interrupted']);
      assert.equal(peer.sockets.length, 1);
    } finally {
      await space.close();
    }
  }

  it('that wait when the space is closed are interrupted when it is opened again; those behind them are not made', async () => {
    const space = await openSpace({ data: directory, grants: { powers: [TCP] }, onFailure: () => {} });
    try {
      await space.run(two());
      const other = await peer.next();
      assert.equal(await comes(other, 8), 'question');
      const rest = allOf(other);
      await space.close();
      assert.equal(String(await rest), '');
    } finally {
      await space.close();
    }
    await afterwards();
  });

  it('that wait when the process is killed are interrupted in the next one; those behind them are not made', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, directory, JSON.stringify(TCP), two()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const came = await Promise.race([peer.next(), exit]);
    assert(!Array.isArray(came), 'the process ended before it connected');
    assert.equal(await comes(came, 8), 'question');
    const rest = allOf(came);
    child.kill('SIGKILL');
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    assert.equal(String(await rest), '');
    await afterwards();
  });
});
