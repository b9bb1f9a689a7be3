/**
 * What causes of the node around a space do in their turns: channels of holders, powers taken back, documents, the state
 * of service. All that is decided by a configuration stands in their payloads, so a replay needs none. Owns their forms.
 */
import {
  type Grant,
  openPublicSystem,
  type Power,
  powerboxChannel,
  PUBLIC_SYSTEM,
  readGrants,
  uris,
} from '../capability/index.ts';
import { type Dispatcher, SERVICE_FACT } from '../dispatch/index.ts';
import type { Engine, SpaceEngine } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';

/** What a holder was granted, secrets as placeholders. */
export const GRANTS_PREFIX = 'grants/';
/** The hash with which a document was last there. */
export const DOCUMENT_PREFIX = 'document/';
export const PUBLIC_FACT = 'public-system';

type NativeGrant = Extract<Grant, { readonly kind: 'native' }>;

/** Powers as they are written in configurations, natives as `(uri, native, handle)`. */
export interface Holding {
  readonly holder: string;
  readonly granted: readonly Power[];
  readonly natives: readonly Grant[];
}

export function holdingValue({ holder, granted, natives }: Holding): Value {
  const own = natives.filter((grant): grant is NativeGrant => grant.kind === 'native');
  return new Tuple([
    holder,
    JSON.stringify(granted),
    new List(own.map(({ uri, native, handle }) => new Tuple([uri, native, handle]))),
  ]);
}

function readHolding(value: Value): {
  readonly holder: string;
  readonly text: string;
  readonly grants: readonly Grant[];
} {
  const [holder, text, natives] = (value as Tuple).items as readonly [string, string, List];
  const own = natives.items.map((item): Grant => {
    const [uri, native, handle] = (item as Tuple).items;
    return { kind: 'native', uri: uri as string, native: native as string, handle: handle as Value };
  });
  return { holder, text, grants: [...readGrants(JSON.parse(text)), ...own] };
}

/** Also in a fork, for holders that nothing was bound for before. */
export function registerGrants(engine: Pick<Engine, 'register'>): void {
  engine.register('grant', (turn, { payload }) => {
    const { holder, text, grants } = readHolding(payload);
    turn.setFact(GRANTS_PREFIX + holder, text);
    return uris(turn, holder, grants);
  });
}

export function registerNodeCauses(engine: SpaceEngine, dispatcher: Dispatcher): void {
  registerGrants(engine);
  // The space takes over what a fork did, and the dispatcher what it keeps in mind of that.
  engine.register('fork', (turn, { payload }) => dispatcher.adopt(engine.takeOver(turn, payload)));
  engine.register('powerbox', (turn, { payload }) => {
    const { holder, grants } = readHolding(payload);
    return powerboxChannel(turn, holder, grants);
  });
  engine.register('public-system', (turn, { payload }) => {
    if (payload === null) {
      turn.uninstall(PUBLIC_SYSTEM);
      turn.setFact(PUBLIC_FACT, undefined);
      return;
    }
    const { holder, grants } = readHolding(payload);
    openPublicSystem(turn, holder, grants);
    turn.setFact(PUBLIC_FACT, holder);
  });
  engine.register('revoke', (turn, { payload }) => dispatcher.endCapability(turn, payload as string, 'revoked'));
  engine.register('regrant', (turn, { payload }) => dispatcher.capabilities.regrant(turn, payload as string));
  // `[name, hash]` for each that is new or has changed, `[name]` for each that is gone.
  engine.register('documents', (turn, { payload }) => {
    for (const item of (payload as List).items) {
      const [name, hash] = (item as List).items;
      turn.setFact(DOCUMENT_PREFIX + (name as string), hash);
    }
  });
  registerServiceCause(engine);
}

/** Also where nobody runs in a space, and only that is said of it. */
export function registerServiceCause(engine: SpaceEngine): void {
  engine.register('service', (turn, { payload }) => turn.setFact(SERVICE_FACT, payload ?? undefined));
}
