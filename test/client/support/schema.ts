/** Judges JSON by a schema, as far as descriptions of ours go: a keyword that is not known here is an error of the test. */

type Json = unknown;
export type Schema = Readonly<Record<string, Json>>;

/** Where and why it is not what is described; null where it is. `schemas` are those that `$ref` names. */
export function faultOf(
  json: Json,
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  at = '$',
): string | null {
  const within = (inner: Json, value: Json, place: string): string | null =>
    faultOf(value, inner as Schema, schemas, place);
  for (const [keyword, said] of Object.entries(schema)) {
    const fault = faultBy(keyword, said, { json, schema, schemas, at, within });
    if (fault !== null) return fault;
  }
  return null;
}

interface Place {
  readonly json: Json;
  readonly schema: Schema;
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly at: string;
  within(inner: Json, value: Json, place: string): string | null;
}

function faultBy(keyword: string, said: Json, { json, schema, schemas, at, within }: Place): string | null {
  const is = (fits: boolean): string | null => (fits ? null : `${at}: ${JSON.stringify(json)} by ${keyword}`);
  const record = isRecord(json) ? Object.entries(json) : [];
  const items = Array.isArray(json) ? (json as readonly Json[]) : [];
  switch (keyword) {
    case 'description':
      return null;
    case '$ref': {
      const name = String(said).replace('#/components/schemas/', '');
      const named = schemas[name];
      return named === undefined ? `${at}: there is no schema ${name}` : within(named, json, at);
    }
    case 'type':
      return is(
        [said].flat().includes(typeOf(json)) || (typeOf(json) === 'integer' && [said].flat().includes('number')),
      );
    case 'enum':
      return is((said as readonly Json[]).includes(json));
    case 'const':
      return is(json === said);
    case 'anyOf': {
      const faults = (said as readonly Schema[]).map((choice) => within(choice, json, at));
      return faults.includes(null) ? null : `${at}: ${JSON.stringify(json)} is none of ${faults.length}`;
    }
    case 'not':
      return is(within(said, json, at) !== null);
    case 'items':
      return first(items.map((item, index) => within(said, item, `${at}[${index}]`)));
    case 'minItems':
      return is(!Array.isArray(json) || items.length >= Number(said));
    case 'maxItems':
      return is(items.length <= Number(said));
    case 'minLength':
      return is(typeof json !== 'string' || [...json].length >= Number(said));
    case 'maxLength':
      return is(typeof json !== 'string' || [...json].length <= Number(said));
    case 'minimum':
      return is(typeof json !== 'number' || json >= Number(said));
    case 'maximum':
      return is(typeof json !== 'number' || json <= Number(said));
    case 'pattern':
      return is(typeof json !== 'string' || new RegExp(String(said), 'u').test(json));
    case 'contentEncoding':
      return is(said === 'base64' && Buffer.from(String(json), 'base64').toString('base64') === json);
    case 'required':
      return is(!isRecord(json) || (said as readonly string[]).every((key) => Object.hasOwn(json, key)));
    case 'properties':
      return first(
        record.map(([key, value]) => {
          const inner = (said as Readonly<Record<string, Json>>)[key];
          return inner === undefined ? null : within(inner, value, `${at}.${key}`);
        }),
      );
    case 'additionalProperties': {
      const known = Object.keys((schema['properties'] as object | undefined) ?? {});
      const others = record.filter(([key]) => !known.includes(key));
      if (said === false) return is(others.length === 0);
      return first(others.map(([key, value]) => within(said, value, `${at}.${key}`)));
    }
    case 'propertyNames':
      return first(record.map(([key]) => within(said, key, `${at}.${key}`)));
    default:
      return `${at}: the keyword ${keyword} is not known here`;
  }
}

function first(faults: readonly (string | null)[]): string | null {
  return faults.find((fault) => fault !== null) ?? null;
}

function isRecord(json: Json): json is Readonly<Record<string, Json>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function typeOf(json: Json): string {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'array';
  return Number.isInteger(json) ? 'integer' : typeof json;
}
