/** Golden traces of our own system channels: what each does with a call is kept in spec/traces. */
import { expectTrace, recordTrace } from '../../src/testing/index.ts';

const PROGRAMS: Readonly<Record<string, string>> = {
  stdout:
    'new out(`rho:io:stdout`), ack(`rho:io:stdoutAck`) in { out!("one") | new r in { ack!("two", *r) | for (<- r) { out!("three") } } }',
  timer:
    'new box(`rho:powerbox`), out(`rho:io:stdout`) in { for (t <- box!?("timer"); _ <- t!?("after", 10)) { out!("later") } }',
  crypto:
    'new box(`rho:powerbox`) in { for (c <- box!?("crypto"); @h <- c!?("sha256", "ab".hexToBytes())) { @"hash"!(h) } }',
  attenuated:
    'new box(`rho:powerbox`) in { for (@[lent, revoker] <- box!?("revocable"); _ <- @revoker!?("revoke"); @refused <- @lent!?("timer")) { @"refused"!(refused) } }',
};

describe('golden traces of system channels', () => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    it(name, async () => {
      const trace = await recordTrace(async (space) => {
        await space.run(program, { name });
        await space.rest();
        await space.advance(1000);
      });
      const golden = new URL(`../../spec/traces/${name}.txt`, import.meta.url);
      await expectTrace(trace, golden);
    });
  }
});
