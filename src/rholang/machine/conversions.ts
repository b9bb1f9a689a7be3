/** Methods that turn a value of one type into one of another, and arithmetic that refuses to wrap. */
import { BigInteger, Bytes, Float, Uri, float } from '../../values/index.ts';
import type { Method, Value } from '../../values/index.ts';
import { checked, exactInt, isInt } from './arithmetic.ts';
import { fault, typeName } from './faults.ts';
import type { Machine } from './place.ts';
import { checkBytes } from './sizes.ts';

export interface DataMethod {
  readonly argumentCount: number;
  /** Undefined when the method is not defined on this target. */
  apply(target: Value, args: readonly Value[], node: Method, machine: Machine): Value | undefined;
}

type Convert = (target: Value, node: Method, machine: Machine) => Value | undefined;

function convert(apply: Convert): DataMethod {
  return { argumentCount: 0, apply: (target, _args, node, machine) => apply(target, node, machine) };
}

function exact(operator: '+' | '-' | '*', verb: string): DataMethod {
  return {
    argumentCount: 1,
    apply(target, args, node) {
      const right = args[0] as Value;
      if (!isInt(target)) return undefined;
      if (!isInt(right)) throw fault(node, `method \`${node.name}\` expects Int and got ${typeName(right)}`);
      const result = checked(operator, target, right);
      if (result === undefined) throw fault(node, `${verb} ${target} and ${right} leaves the 64 bits of Int`);
      return result;
    },
  };
}

const DECIMAL = /^-?[0-9]+$/;
const FLOATING = /^-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Infinity)$|^NaN$/;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const toInt: Convert = (target, node, machine) => {
  if (isInt(target)) return target;
  const whole = wholeNumber(target, machine);
  if (whole === undefined) {
    if (typeof target === 'string' || target instanceof Float) throw cannotConvert(target, node, 'Int');
    return undefined;
  }
  const result = exactInt(whole);
  if (result === undefined)
    throw fault(node, 'method `toInt`: the number is out of the range of Int, which has 64 bits');
  return result;
};

const toBigInt: Convert = (target, node, machine) => {
  if (target instanceof BigInteger) return target;
  if (isInt(target)) return new BigInteger(BigInt(target));
  const whole = wholeNumber(target, machine);
  if (whole !== undefined) return new BigInteger(whole);
  if (typeof target === 'string' || target instanceof Float) throw cannotConvert(target, node, 'BigInt');
  return undefined;
};

const toFloat: Convert = (target, node) => {
  if (target instanceof Float) return target;
  if (isInt(target)) return float(Number(target));
  if (target instanceof BigInteger) return float(Number(target.value));
  if (typeof target !== 'string') return undefined;
  if (!FLOATING.test(target)) throw cannotConvert(target, node, 'Float');
  return float(Number(target));
};

/** The whole number that a BigInt, a string of digits or a float (rounded towards zero) stands for. */
function wholeNumber(target: Value, machine: Machine): bigint | undefined {
  if (target instanceof BigInteger) return target.value;
  if (target instanceof Float) return Number.isFinite(target.value) ? BigInt(Math.trunc(target.value)) : undefined;
  if (typeof target !== 'string' || !DECIMAL.test(target)) return undefined;
  chargeDigits(target.length, machine);
  return BigInt(target);
}

/** Reading and writing decimal digits costs nearly their number squared. */
function chargeDigits(count: number, machine: Machine): void {
  machine.charge(Math.ceil((count / 64) ** 2));
}

function cannotConvert(target: string | Float, node: Method, type: string): Error {
  const shown =
    target instanceof Float
      ? String(target.value)
      : JSON.stringify(target.length > 40 ? `${target.slice(0, 40)}…` : target);
  return fault(node, `method \`${node.name}\` cannot make ${type} of ${shown}`);
}

const toText: Convert = (target, _node, machine) => {
  if (typeof target === 'string') return target;
  if (target === null) return 'Nil';
  if (typeof target !== 'object') return String(target);
  if (target instanceof Float) return String(target.value);
  if (target instanceof Uri) return target.text;
  if (!(target instanceof BigInteger)) return undefined;
  chargeDigits(target.value.toString(16).length, machine);
  return target.value.toString();
};

const toUtf8Bytes: Convert = (target, _node, machine) => {
  if (typeof target !== 'string') return undefined;
  machine.charge(target.length >> 6);
  const encoded = utf8.encode(target);
  checkBytes(encoded.length);
  return new Bytes(encoded);
};

/** Digits as they come; anything else is left out, and an odd digit gets a zero before it. */
function lenientHex(text: string): string {
  const digits = text.replace(/[^0-9a-fA-F]/g, '');
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

function fromHex(digits: string, machine: Machine): Bytes {
  machine.charge(digits.length >> 4);
  const result = new Uint8Array(digits.length / 2);
  for (let index = 0; index < result.length; index++)
    result[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  return new Bytes(result);
}

const bytesToHex: Convert = (target, _node, machine) => {
  if (!(target instanceof Bytes)) return undefined;
  checkBytes(2 * target.bytes.length);
  machine.charge(target.bytes.length >> 4);
  const digits = new Array<string>(target.bytes.length);
  for (let index = 0; index < digits.length; index++)
    digits[index] = (target.bytes[index] as number).toString(16).padStart(2, '0');
  return digits.join('');
};

export const conversions: Record<string, DataMethod> = {
  toInt: convert(toInt),
  toBigInt: convert(toBigInt),
  toFloat: convert(toFloat),
  toString: convert(toText),
  toUtf8Bytes: convert(toUtf8Bytes),
  bytesToUtf8: convert((target, node, machine) => {
    if (!(target instanceof Bytes)) return undefined;
    machine.charge(target.bytes.length >> 6);
    try {
      return strictUtf8.decode(target.bytes);
    } catch {
      throw fault(node, 'method `bytesToUtf8`: these bytes are not valid UTF-8');
    }
  }),
  bytesToHex: convert(bytesToHex),
  hexToBytes: convert((target, _node, machine) =>
    typeof target === 'string' ? fromHex(lenientHex(target), machine) : undefined,
  ),
  hexToBytesStrict: convert((target, node, machine) => {
    if (typeof target !== 'string') return undefined;
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(target))
      throw fault(node, 'method `hexToBytesStrict` expects pairs of hexadecimal digits and nothing else');
    return fromHex(target, machine);
  }),
  addChecked: exact('+', 'the sum of'),
  subtractChecked: exact('-', 'the difference of'),
  multiplyChecked: exact('*', 'the product of'),
};
