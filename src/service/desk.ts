/**
 * One space as the service has it: its sessions, the powerboxes of those who have some, and the programs that clients
 * bring. Decides who may enter; what a session may do is judged by the space.
 */
import {
  type Asked,
  compileProgram,
  internalsOf,
  type RecordingStream,
  refused,
  type ApplyFork,
  runAtomic,
  type Session,
  type Sessions,
  type Space,
  type SpaceInternals,
  withArrived,
} from '../embedding/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { RHO_LABEL } from '../rholang/index.ts';
import type { Value } from '../values/index.ts';
import type { DeployRequest } from '../wire/index.ts';
import { Feed } from './feed.ts';
import { Operations } from './operations.ts';

const SECRET_BYTES = 32;
/** What no client can call itself. */
const HIDDEN = '\0';

/** A session that somebody has entered. */
export interface Entered {
  readonly session: Session;
  /** Empty for one that was there. */
  readonly secret: Uint8Array;
  /** A bundle. */
  readonly powerbox: Value;
}

export class SpaceDesk {
  readonly name: string;
  readonly sessions: Sessions;
  readonly #space: Space;
  readonly #internals: SpaceInternals;
  readonly #publicNames: boolean;
  /** By holder: their powerbox, once somebody has asked for it. */
  readonly #powerboxes = new Map<string, Promise<Value>>();
  readonly #operations = new Map<string, Promise<Operations>>();
  /** As long as there is the session. */
  readonly #feeds = new WeakMap<Session, Feed>();

  constructor(name: string, space: Space, publicNames: boolean) {
    this.name = name;
    this.#space = space;
    this.#internals = internalsOf(space);
    this.sessions = this.#internals.sessions;
    this.#publicNames = publicNames;
  }

  /** A new session of a holder. Rejects with `auth_failed` where nobody has that name. */
  async open(holder: string, client: string): Promise<Entered> {
    const powerbox = await this.#powerbox(holder);
    const secret = this.#internals.platform.randomness.bytes(SECRET_BYTES);
    const session = await this.sessions.open(holder, secret, client.replaceAll(HIDDEN, ''));
    return { session, secret, powerbox };
  }

  /** The one session of a holder that no client has: a new one, or that of an earlier process. */
  async openHidden(holder: string): Promise<Omit<Entered, 'secret'>> {
    const powerbox = await this.#powerbox(holder);
    for (const session of this.sessions.all())
      if (session.client === HIDDEN && session.holder.name === holder) return { session, powerbox };
    const secret = this.#internals.platform.randomness.bytes(SECRET_BYTES);
    return { session: await this.sessions.open(holder, secret, HIDDEN), powerbox };
  }

  /** What a holder asks without a connection. */
  operations(holder: string): Promise<Operations> {
    const known = this.#operations.get(holder);
    const opening =
      known?.then((operations) => (operations.isOver ? Operations.open(this, holder) : operations)) ??
      Operations.open(this, holder);
    this.#operations.set(holder, opening);
    opening.catch(() => this.#operations.delete(holder));
    return opening;
  }

  /** One that was there, with all that it had. Rejects with `session_unknown`. */
  async resume(holder: string, number: number, secret: Uint8Array): Promise<Entered> {
    const powerbox = await this.#powerbox(holder);
    return { session: this.sessions.find(number, secret, holder), secret: new Uint8Array(0), powerbox };
  }

  /** Where the requests of a session go in: one for all of its connections, so that they stay in their order. */
  feed(session: Session): Feed {
    const known = this.#feeds.get(session);
    if (known !== undefined) return known;
    const feed = new Feed({
      session,
      sessions: this.sessions,
      publicNames: this.#publicNames,
      prepare: (asked) => this.#prepare(session, asked),
    });
    this.#feeds.set(session, feed);
    return feed;
  }

  /**
   * What happens in the space from now on, with all that anybody has in it. Rejects with `not_permitted` unless the
   * configuration says of this holder that it may.
   */
  async record(holder: string): Promise<RecordingStream> {
    if (this.#internals.configuration?.holders.get(holder)?.record !== true)
      throw new PowerboxError('not_permitted', 'clients of this holder may not record the space', {
        hint: 'A trace shows all that is in the space: its operator says who may, with `record: true` of the holder.',
      });
    return this.#space.recordStream();
  }

  async #powerbox(holder: string): Promise<Value> {
    const { powers, service } = this.#internals;
    service.requireIn();
    if (!powers.holders().some(({ name }) => name === holder))
      throw new PowerboxError('auth_failed', 'nobody of this name has anything here');
    let powerbox = this.#powerboxes.get(holder);
    if (powerbox === undefined) {
      powerbox = powers.powerbox(holder);
      this.#powerboxes.set(holder, powerbox);
      powerbox.catch(() => this.#powerboxes.delete(holder));
    }
    return powerbox;
  }

  /** A program is compiled before its turn; what is wrong with it is its answer. */
  async #prepare(session: Session, asked: Asked): Promise<Asked | null> {
    const { id, name, text, uris, atomic = false } = asked.request as DeployRequest;
    const { powers, deploys, service } = this.#internals;
    const holder = session.holder.name;
    try {
      service.requireIn();
      // What was asked before it has been applied then; a program waits for no more.
      if (atomic || asked.references.length > 0) await this.sessions.ask(session, [], 0, this.#publicNames);
      const own = withArrived(session, uris);
      if (atomic) {
        const options = {
          name,
          holder,
          clients: session.holder.account,
          uris: own,
          cost_max: limits.session_fork_cost_max,
        };
        const apply: ApplyFork = (fork, deploy) => this.sessions.applyFork(session, asked, fork, deploy);
        await runAtomic(this.#internals, text, options, apply, asked.parent ?? null);
        return null;
      }
      const term = await compileProgram(powers, text, holder, own);
      const { payload } = deploys.prepare({ holder, clients: session.holder.account, name, label: RHO_LABEL, term });
      const request = { kind: 'place', id, name, prepared: payload } as const;
      return { ...asked, parts: ['place', id, name, payload], request, references: [] };
    } catch (error) {
      return { ...refused(id, error), ...(asked.parent === undefined ? {} : { parent: asked.parent }) };
    }
  }
}
