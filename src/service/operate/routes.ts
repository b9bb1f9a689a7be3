/**
 * What is asked of a node over HTTP beside its clients: whether it lives, whether it may be sent work, what it is, and
 * what it has counted. Nobody needs a token for it, so it tells nothing of what programs say or hold.
 */
import type { Space } from '../../embedding/index.ts';
import type { Route, RouteAnswer } from '../types.ts';
import { metricsText, type ServiceTallies, type Watched } from './metrics.ts';

/** One space, as it stands. */
export interface SpaceState {
  readonly name: string;
  /** Null where it is not open. */
  readonly space: Space | null;
  /** Why it is not open, or has closed itself; null while it is well. */
  readonly failure: string | null;
}

export interface NodeState extends Watched {
  states(): readonly SpaceState[];
  /** It has been told to go. */
  readonly leaving: boolean;
  info(): Promise<object>;
}

export function operatorRoutes(node: NodeState, tallies: ServiceTallies): readonly Route[] {
  return [
    { method: 'GET', path: '/healthz', handle: () => health(node) },
    { method: 'GET', path: '/readyz', handle: () => readiness(node) },
    { method: 'GET', path: '/info', handle: async () => json(200, await node.info()) },
    {
      method: 'GET',
      path: '/metrics',
      handle: async () => {
        const { type, text } = await metricsText(node, tallies);
        return { status: 200, headers: { 'content-type': type }, body: text };
      },
    },
  ];
}

/** The process goes on as long as one of its spaces does; whoever watches starts it anew otherwise. */
function health(node: NodeState): RouteAnswer {
  const failed = node.states().filter(({ failure }) => failure !== null);
  const isLost = failed.length > 0 && failed.length === node.states().length;
  return json(isLost ? 503 : 200, { status: isLost ? 'failed' : 'ok', failed: failed.map(reasonOf) });
}

/** Whether work may be sent here; and why not. */
function readiness(node: NodeState): RouteAnswer {
  const reasons = node.states().flatMap((state) => {
    if (state.failure !== null) return [reasonOf(state)];
    const told = state.space?.health();
    return told?.service === 'out'
      ? [{ space: state.name, since: told.since, reason: `out of service: ${told.reason}` }]
      : [];
  });
  if (node.leaving) reasons.push({ space: '', since: null, reason: 'the node is closing' });
  return json(reasons.length === 0 ? 200 : 503, { status: reasons.length === 0 ? 'ready' : 'not ready', reasons });
}

function reasonOf({ name, failure }: SpaceState): { space: string; since: string | null; reason: string } {
  return { space: name, since: null, reason: failure ?? '' };
}

function json(status: number, body: object): RouteAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: `${JSON.stringify(body)}\n` };
}
