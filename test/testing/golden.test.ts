/** Golden traces of our own system channels: what each does with a call is kept in spec/traces. */
import { config, directory, file, hardware, httpResource, type Native } from '../../channels/index.ts';
import { expectTrace, fakeNative, recordTrace } from '../../src/testing/index.ts';

interface Golden {
  readonly program: string;
  /** Channels that reach the world are fakes of their declarations: what they answer is the test's word. */
  readonly natives?: () => readonly Native[];
}

const GOLDEN: Readonly<Record<string, Golden>> = {
  stdout: {
    program:
      'new out(`rho:io:stdout`), ack(`rho:io:stdoutAck`) in { out!("one") | new r in { ack!("two", *r) | for (<- r) { out!("three") } } }',
  },
  timer: {
    program:
      'new box(`rho:powerbox`), out(`rho:io:stdout`) in { for (t <- box!?("timer"); _ <- t!?("after", 10)) { out!("later") } }',
  },
  random: {
    program:
      'new box(`rho:powerbox`) in { for (dice <- box!?("random"); @some <- dice!?("bytes", 4); @one <- dice!?("int", 1, 6); @refused <- dice!?("int", 6, 1)) { @"thrown"!(some, one, refused) } }',
  },
  crypto: {
    program:
      'new box(`rho:powerbox`) in { for (c <- box!?("crypto"); @h <- c!?("sha256", "ab".hexToBytes())) { @"hash"!(h) } }',
  },
  attenuated: {
    program:
      'new box(`rho:powerbox`) in { for (@[lent, revoker] <- box!?("revocable"); _ <- @revoker!?("revoke"); @refused <- @lent!?("timer")) { @"refused"!(refused) } }',
  },
  directory: {
    program:
      'new box(`native:directory`) in { for (@made <- box!?("mkdir", "notes"); @there <- box!?("list"); @wrong <- box!?("mkdir", 1)) { @"told"!(made, there, wrong) } }',
    natives: () => [fakeNative(directory, { mkdir: null, list: { notes: 'directory' } })],
  },
  file: {
    program:
      'new f(`native:file`) in { for (@text <- f!?("read", 6); @refused <- f!?("write", text)) { @"told"!(text, refused) } }',
    natives: () => [
      fakeNative(file, {
        read: new TextEncoder().encode('a line'),
        write: () => {
          throw new Error('the disk is gone');
        },
      }),
    ],
  },
  config: {
    program:
      'new documents(`native:config`) in { for (@names <- documents!?("list"); @limits <- documents!?("get", "limits")) { @"told"!(names, limits) } }',
    natives: () => [fakeNative(config, { list: ['limits'], get: { most: 5 } })],
  },
  hardware: {
    program: 'new machine(`native:hardware`) in { for (@found <- machine!?("cores")) { @"told"!(found) } }',
    natives: () => [fakeNative(hardware, { cores: { online: 2 } })],
  },
  http: {
    program:
      'new page(`native:httpResource`) in { for (@first <- page!?("get"); @second <- page!?("post", {"body": {"n": 1}})) { @"told"!(first, second) } }',
    natives: () => [
      fakeNative(httpResource, {
        get: { status: 200, headers: {}, body: 'hello' },
        post: { status: 500, headers: {}, body: null },
      }),
    ],
  },
};

describe('golden traces of system channels', () => {
  for (const [name, { program, natives = () => [] }] of Object.entries(GOLDEN)) {
    it(name, async () => {
      const trace = await recordTrace(
        async (space) => {
          await space.run(program, { name });
          await space.rest();
          await space.advance(1000);
        },
        { natives: natives() },
      );
      const golden = new URL(`../../spec/traces/${name}.txt`, import.meta.url);
      await expectTrace(trace, golden, { natives: natives() });
    });
  }
});
