/**
 * What is asked of a node over HTTP beside its clients: whether it lives, whether it may be sent work, what it is, and
 * what it has counted. Nobody needs a token for it, so it tells nothing of what programs say or hold; and what names spaces
 * and holders is told on this machine only, unless the operator says otherwise. A reason why a space is not ready goes to
 * its log.
 */
import type { Space } from '../../embedding/index.ts';
import type { Route, RouteAnswer } from '../types.ts';
import { metricsText, type ServiceTallies, type Watched } from './metrics.ts';

/** One space, as it stands. */
export interface SpaceState {
  readonly name: string;
  /** Null where it is not open. */
  readonly space: Space | null;
  /** The code of why it is not open, or has closed itself; null while it is well. */
  readonly failure: string | null;
}

export interface NodeState extends Watched {
  states(): readonly SpaceState[];
  /** Whether others than this machine may see names of spaces and holders. */
  readonly publicMetrics: boolean;
  /** It has been told to go. */
  readonly leaving: boolean;
  info(): Promise<object>;
}

export function operatorRoutes(node: NodeState, tallies: ServiceTallies): readonly Route[] {
  return [
    { method: 'GET', path: '/healthz', handle: ({ loopback }) => health(node, namesOf(node, loopback)) },
    { method: 'GET', path: '/readyz', handle: ({ loopback }) => readiness(node, namesOf(node, loopback)) },
    {
      method: 'GET',
      path: '/info',
      handle: async ({ loopback }) => near(node, loopback) ?? json(200, await node.info()),
    },
    {
      method: 'GET',
      path: '/metrics',
      handle: async ({ loopback }) => {
        const refused = near(node, loopback);
        if (refused !== null) return refused;
        const { type, text } = await metricsText(node, tallies);
        return { status: 200, headers: { 'content-type': type }, body: text };
      },
    },
  ];
}

/** What whoever asks is told that a space is called. */
type Naming = (state: SpaceState) => string;

function namesOf({ publicMetrics }: NodeState, loopback: boolean): Naming {
  return ({ name }) => (loopback || publicMetrics ? name : '');
}

/** What is refused to whoever is not on this machine, unless the operator lets everybody see it. */
function near({ publicMetrics }: NodeState, loopback: boolean): RouteAnswer | null {
  return loopback || publicMetrics ? null : { status: 403, body: 'this is for this machine only\n' };
}

/** The process goes on as long as one of its spaces does; whoever watches starts it anew otherwise. */
function health(node: NodeState, name: Naming): RouteAnswer {
  const failed = node.states().filter(({ failure }) => failure !== null);
  const isLost = failed.length > 0 && failed.length === node.states().length;
  return json(isLost ? 503 : 200, {
    status: isLost ? 'failed' : 'ok',
    failed: failed.map((state) => reasonOf(state, name)),
  });
}

/** Whether work may be sent here; and why not. */
function readiness(node: NodeState, name: Naming): RouteAnswer {
  const reasons = node.states().flatMap((state) => {
    if (state.failure !== null) return [reasonOf(state, name)];
    const told = state.space?.health();
    return told?.service === 'out'
      ? [{ space: name(state), since: told.since, reason: `out of service: ${told.reason}` }]
      : [];
  });
  if (node.leaving) reasons.push({ space: '', since: null, reason: 'the node is closing' });
  return json(reasons.length === 0 ? 200 : 503, { status: reasons.length === 0 ? 'ready' : 'not ready', reasons });
}

function reasonOf(state: SpaceState, name: Naming): { space: string; since: string | null; reason: string } {
  return { space: name(state), since: null, reason: `not open: ${state.failure}` };
}

function json(status: number, body: object): RouteAnswer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: `${JSON.stringify(body)}\n` };
}
