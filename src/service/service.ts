/**
 * The service as a whole: its listener, its connections and the sessions of its spaces. Owns the order in which they
 * open and close.
 */
import { PowerboxError } from '../errors.ts';
import { type Arrived, Listener } from './server.ts';
import type { RunningService, ServiceOptions } from './types.ts';

/** Rejects with a coded error, and leaves nothing open. */
export async function createService(options: ServiceOptions): Promise<RunningService> {
  const connected = ({ socket, refusal }: Arrived): void => {
    const why = refusal ?? new PowerboxError('not_available', 'sessions are not served yet');
    socket.close(1013, why.message);
  };
  const listener = await Listener.open({
    listen: options.listen,
    routes: options.routes ?? [],
    origins: options.origins ?? [],
    connected,
    admits: () => null,
  });
  return {
    address: listener.address,
    counts: () => ({ connections: 0, sessions: 0, waiting: 0, undelivered: 0 }),
    close: () => listener.close(),
  };
}
