/** Messages to the parts that are written in their place. Leaves out at the end of a message what says nothing. */
import { Bytes, List, map, type Value } from '../values/index.ts';
import type { Parts } from './frames.ts';
import type { ClientMessage, Hello, ServerMessage, Welcome, WireError, WireSlot } from './messages.ts';

export function clientParts(message: ClientMessage): Parts {
  switch (message.kind) {
    case 'hello':
      return helloParts(message);
    case 'produce': {
      const { kind, id, channel, persist, lease_ms } = message;
      const options = record([
        ['persist', persist ? true : undefined],
        ['lease_ms', lease_ms ?? undefined],
      ]);
      return trimmed([kind, id, channel, new List(message.message)], options);
    }
    case 'take':
    case 'peek': {
      const { kind, id, slots, limit_ms } = message;
      return trimmed([kind, id, slotParts(slots)], record([['limit_ms', limit_ms === 0 ? undefined : limit_ms]]));
    }
    case 'consume': {
      const { kind, id, slots, persist, credit } = message;
      return [
        kind,
        id,
        slotParts(slots),
        record([
          ['persist', persist ? true : undefined],
          ['credit', credit],
        ]),
      ];
    }
    case 'watch':
      return [message.kind, message.id, message.channel, record([['credit', message.credit]])];
    case 'call': {
      const { kind, id, target, method, args, limit_ms } = message;
      return trimmed([kind, id, target, method, new List(args)], record([['limit_ms', limit_ms ?? undefined]]));
    }
    case 'deploy': {
      const { kind, id, text, name, uris, atomic } = message;
      return [
        kind,
        id,
        text,
        record([
          ['name', name],
          ['uris', urisOf(uris)],
          ['atomic', atomic === true ? true : undefined],
        ]),
      ];
    }
    case 'query':
    case 'estimate': {
      const { kind, id, text, name, uris, limit_ms, cost_max } = message;
      return [
        kind,
        id,
        text,
        record([
          ['name', name],
          ['uris', urisOf(uris)],
          ['limit_ms', limit_ms ?? undefined],
          ['cost_max', cost_max ?? undefined],
        ]),
      ];
    }
    case 'names':
      return [message.kind, message.id, message.count];
    case 'attenuate': {
      const { kind, id, capability, read, write } = message;
      return [
        kind,
        id,
        capability,
        record([
          ['read', read],
          ['write', write],
        ]),
      ];
    }
    case 'release':
      return [message.kind, message.id, new List(message.capabilities), message.handled];
    case 'cancel':
      return [message.kind, message.id, message.of];
    case 'credit': {
      const { kind, id, of, more, anew } = message;
      return trimmed([kind, id, of, more], record([['anew', anew === true ? true : undefined]]));
    }
    case 'ack':
      return [message.kind, message.number];
    case 'trace':
      return [message.kind, message.parent];
    case 'ping':
      return [message.kind, message.nonce];
    case 'record':
      return [message.kind, message.credit];
    case 'record-credit':
      return [message.kind, message.more];
    case 'record-end':
      return [message.kind];
    case 'end':
      return [message.kind];
  }
}

export function serverParts(message: ServerMessage): Parts {
  switch (message.kind) {
    case 'welcome':
      return welcomeParts(message);
    case 'applied':
      return [message.kind, message.id];
    case 'deliver': {
      const { kind, number, id, value, last } = message;
      return [kind, number, id, value, last];
    }
    case 'error':
      return [message.kind, message.number, message.id, errorValue(message.error)];
    case 'pong':
      return [message.kind, message.nonce];
    case 'recorded':
      return [message.kind, new Bytes(message.bytes)];
    case 'record-over':
      return [message.kind, message.error === null ? null : errorValue(message.error)];
    case 'bye':
      return [message.kind, errorValue(message.error)];
  }
}

export function errorValue({ code, message, hint, channel, method, mistakes }: WireError): Value {
  const list = mistakes.map(({ line, column, code, message }) =>
    record([
      ['line', line],
      ['column', column],
      ['code', code],
      ['message', message],
    ]),
  );
  return record([
    ['code', code],
    ['message', message],
    ['hint', hint || undefined],
    ['channel', channel || undefined],
    ['method', method || undefined],
    ['mistakes', list.length === 0 ? undefined : new List(list)],
  ]);
}

function helloParts({ kind, versions, token, space, session, client }: Hello): Parts {
  const key =
    session === null
      ? undefined
      : record([
          ['id', session.id],
          ['secret', new Bytes(session.secret)],
          ['handled', session.handled],
        ]);
  return [
    kind,
    record([
      ['versions', new List(versions)],
      ['token', token ?? undefined],
      ['space', space ?? undefined],
      ['session', key],
      ['client', client || undefined],
    ]),
  ];
}

function welcomeParts({ kind, limits, secret, ...rest }: Welcome): Parts {
  return [
    kind,
    record([
      ['version', rest.version],
      ['session', rest.session],
      ['secret', secret.length === 0 ? undefined : new Bytes(secret)],
      ['resumed', rest.resumed],
      ['applied', rest.applied],
      ['powerbox', rest.powerbox],
      ['holder', rest.holder],
      ['space', rest.space],
      ['server', rest.server],
      ['limits', record(Object.entries(limits))],
    ]),
  ];
}

function urisOf(uris: ReadonlyMap<string, Value>): Value | undefined {
  return uris.size === 0 ? undefined : record([...uris]);
}

function slotParts(slots: readonly WireSlot[]): Value {
  return new List(
    slots.map(({ channel, pattern, peek }) => {
      if (peek) return new List([channel, pattern, true]);
      return new List(pattern === null ? [channel] : [channel, pattern]);
    }),
  );
}

function record(entries: readonly (readonly [string, Value | undefined])[]): Value {
  return map(entries.filter((entry): entry is readonly [string, Value] => entry[1] !== undefined));
}

function trimmed(parts: readonly Value[], options: Value): Parts {
  return isEmpty(options) ? parts : [...parts, options];
}

function isEmpty(options: Value): boolean {
  return typeof options === 'object' && options !== null && 'keys' in options && options.keys.length === 0;
}
