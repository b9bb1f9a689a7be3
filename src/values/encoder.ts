/**
 * Values to canonical bytes: the walk, and how names and long bytes are written for whom. Owns, with the forms in
 * `writer.ts`, the writing half of the format in spec/values.md. Must never hold state outside the instance, and never
 * use the JavaScript stack in proportion to a value's depth.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { DRAWN_EXTENSION, Extension, OUTSIDE_EXTENSION, RECURSION_MAX, WITH_REMAINDER } from './format.ts';
import { keptBytes } from './kept.ts';
import { partsOf, remainderOf } from './parts.ts';
import type { Node } from './parts.ts';
import { Kind, List, MapValue } from './value.ts';
import type { Bundle, Name, NameDeriver, Tuple, Value } from './value.ts';
import { Writer } from './writer.ts';

/**
 * How names are written for somebody outside, who must not see their bytes: as an extension of its own. Null: a bundle is
 * written as what it is.
 */
export type Sealing = (name: Name | Bundle) => { readonly type: number; readonly payload: Uint8Array } | null;

/** Keeps long bytes elsewhere, and gives what is written in their place; null: they are written as they are. */
export type Outside = (bytes: Uint8Array) => Uint8Array | null;

export class Encoder extends Writer {
  readonly #sealing: Sealing | null;
  readonly #outside: Outside | null;
  readonly #drawnBy: NameDeriver | null;

  /**
   * With `sealing`, `outside` or `drawnBy` what is written is no canonical form, and is never hashed. Names of `drawnBy`
   * that have no bytes yet are written as they were drawn: most of them never need any.
   */
  constructor(
    capacity = 256,
    sealing: Sealing | null = null,
    outside: Outside | null = null,
    drawnBy: NameDeriver | null = null,
  ) {
    super(capacity);
    this.#sealing = sealing;
    this.#outside = outside;
    this.#drawnBy = drawnBy;
  }

  value(value: Value): void {
    this.#value(value, 0);
  }

  #value(value: Value, depth: number): void {
    if (typeof value === 'string') this.string(value);
    else if (typeof value === 'number') this.int(value);
    else if (value === null) this.byte(0xc0);
    else if (typeof value === 'object') {
      if (value.kind === Kind.List && value.remainder === null) this.#list(value.items, depth);
      else if (value.kind === Kind.Tuple) this.#tuple(value, depth);
      else if (value.kind === Kind.Map && value.remainder === null) this.#map(value, depth);
      else if (!this.#leaf(value)) this.#node(value as Node, depth);
    } else if (typeof value === 'boolean') this.boolean(value);
    else this.bigInt64(value);
  }

  #list(items: readonly Value[], depth: number): void {
    if (depth >= RECURSION_MAX) {
      this.#deep(new List(items), depth);
      return;
    }
    this.arrayHead(items.length);
    for (let index = 0; index < items.length; index++) this.#value(items[index] as Value, depth + 1);
  }

  /** As any other node, without taking it apart: what is recorded is made of them. */
  #tuple(value: Tuple, depth: number): void {
    if (depth >= RECURSION_MAX) {
      this.#deep(value, depth);
      return;
    }
    const { items } = value;
    this.arrayHead(items.length + 1);
    this.#marker(Kind.Tuple);
    for (let index = 0; index < items.length; index++) this.#value(items[index] as Value, depth + 1);
  }

  #map(value: MapValue, depth: number): void {
    if (depth >= RECURSION_MAX) {
      this.#deep(value, depth);
      return;
    }
    const kept = keptBytes(value);
    if (kept !== undefined) {
      this.raw(kept);
      return;
    }
    const { keys, items } = value;
    this.mapHead(keys.length);
    for (let index = 0; index < keys.length; index++) {
      this.#value(keys[index] as Value, depth + 1);
      this.#value(items[index] as Value, depth + 1);
    }
  }

  /** Everything else is an array that starts with a marker. */
  #node(node: Node, depth: number): void {
    if (depth >= RECURSION_MAX) {
      this.#deep(node, depth);
      return;
    }
    const parts = this.#nodeHead(node);
    for (let index = 0; index < parts.length; index++) this.#value(parts[index] as Value, depth + 1);
  }

  /** Writes the head of a list, map or node, and returns what must be written after it. */
  #nodeHead(node: Node): readonly Value[] {
    let parts = partsOf(node);
    let tag: number = node.kind;
    const remainder = remainderOf(node);
    if (remainder !== null) {
      tag += WITH_REMAINDER;
      parts = node.kind === Kind.Map ? [remainder, new MapValue(node.keys, node.items)] : [remainder, ...parts];
    } else if (node.kind === Kind.List) {
      this.arrayHead(parts.length);
      return parts;
    } else if (node.kind === Kind.Map) {
      this.mapHead(node.keys.length);
      return parts;
    }
    this.arrayHead(parts.length + 1);
    this.#marker(tag);
    return parts;
  }

  #marker(tag: number): void {
    this.reserve(3);
    this.buffer[this.at++] = 0xd4;
    this.buffer[this.at++] = Extension.Node;
    this.buffer[this.at++] = tag;
  }

  /** The walk with its own stack: what is still to be written, and how much of it each open level has left. */
  #deep(node: Node, depth: number): void {
    const open: { readonly parts: readonly Value[]; next: number }[] = [{ parts: this.#nodeHead(node), next: 0 }];
    for (;;) {
      const top = open[open.length - 1];
      if (top === undefined) return;
      if (top.next === top.parts.length) {
        open.pop();
        continue;
      }
      const part = top.parts[top.next++] as Value;
      if (typeof part !== 'object' || part === null) this.#value(part, 0);
      else if (!this.#leaf(part)) {
        if (depth + open.length >= limits.value_depth_max) throw tooDeep();
        open.push({ parts: this.#nodeHead(part as Node), next: 0 });
      }
    }
  }

  /** Writes an object without parts; false when it has parts. */
  #leaf(value: Exclude<Value, null | boolean | number | bigint | string>): boolean {
    switch (value.kind) {
      case Kind.Name:
        if (this.#sealing !== null) return this.#sealed(value, this.#sealing);
        if (this.#drawnBy !== null && this.#putDrawn(value, this.#drawnBy)) return true;
        this.reserve(35);
        this.buffer[this.at++] = 0xc7;
        this.buffer[this.at++] = 32;
        this.buffer[this.at++] = Extension.Name;
        this.buffer.set(value.bytes, this.at);
        this.at += 32;
        return true;
      case Kind.Bytes:
        if (this.#outside === null || !this.#putOutside(value.bytes, this.#outside)) this.bytes(value.bytes);
        return true;
      case Kind.Float:
        this.float(value.value);
        return true;
      case Kind.BigInt:
        this.bigInteger(value);
        return true;
      case Kind.Uri:
        this.longText(value.text, true);
        return true;
      case Kind.Bundle:
        return this.#sealing !== null && this.#sealed(value, this.#sealing);
      default:
        return false;
    }
  }

  #putOutside(bytes: Uint8Array, outside: Outside): boolean {
    const payload = outside(bytes);
    if (payload === null) return false;
    this.extensionHead(payload.length, OUTSIDE_EXTENSION);
    this.buffer.set(payload, this.at);
    this.at += payload.length;
    return true;
  }

  #putDrawn(name: Name, drawnBy: NameDeriver): boolean {
    const { task, counter } = name;
    if (counter > 0xffff || !name.isDrawnBy(drawnBy)) return false;
    this.reserve(10);
    const buffer = this.buffer;
    buffer[this.at++] = 0xd7;
    buffer[this.at++] = DRAWN_EXTENSION;
    const high = Math.floor(task / 0x100000000);
    buffer[this.at++] = high >>> 8;
    buffer[this.at++] = high;
    this.uint32(task);
    buffer[this.at++] = counter >>> 8;
    buffer[this.at++] = counter;
    return true;
  }

  #sealed(value: Name | Bundle, sealing: Sealing): boolean {
    const extension = sealing(value);
    if (extension === null) return false;
    const { type, payload } = extension;
    this.extensionHead(payload.length, type);
    this.buffer.set(payload, this.at);
    this.at += payload.length;
    return true;
  }
}

function tooDeep(): PowerboxError {
  return new PowerboxError('value_too_large', `a value is nested deeper than ${limits.value_depth_max} levels`);
}
