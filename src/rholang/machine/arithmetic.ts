/**
 * Arithmetic by type. Int is 64 bits and wraps; BigInt is exact; Float follows IEEE 754. Types never mix, and
 * division by zero ends the branch (but for Float).
 */
import { BigInteger, Float, MapValue, SetValue, float, int } from '../../values/index.ts';
import type { Operation, Value } from '../../values/index.ts';
import { withItem, withoutItem, withoutKey } from './collections.ts';
import { fault, typeName } from './faults.ts';
import type { Machine } from './place.ts';
import { bigBytes, checkBytes } from './sizes.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

export function isInt(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function undefinedOn(node: Operation, left: Value, right: Value): Error {
  return fault(node, `operator \`${node.operator}\` is not defined on ${typeName(left)} and ${typeName(right)}`);
}

export function add(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (isInt(left) && isInt(right)) {
    if (typeof left === 'number' && typeof right === 'number') {
      const sum = left + right;
      if (sum <= SAFE && sum >= -SAFE) return sum;
    }
    return int(BigInt(left) + BigInt(right));
  }
  if (left instanceof BigInteger && right instanceof BigInteger) return big(left.value + right.value, machine);
  if (left instanceof Float && right instanceof Float) return float(left.value + right.value);
  if (left instanceof SetValue) return withItem(left, right, machine);
  throw undefinedOn(node, left, right);
}

export function subtract(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (isInt(left) && isInt(right)) {
    if (typeof left === 'number' && typeof right === 'number') {
      const rest = left - right;
      if (rest <= SAFE && rest >= -SAFE) return rest;
    }
    return int(BigInt(left) - BigInt(right));
  }
  if (left instanceof BigInteger && right instanceof BigInteger) return big(left.value - right.value, machine);
  if (left instanceof Float && right instanceof Float) return float(left.value - right.value);
  if (left instanceof SetValue) return withoutItem(left, right, machine);
  if (left instanceof MapValue) return withoutKey(left, right, machine);
  throw undefinedOn(node, left, right);
}

export function multiply(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (isInt(left) && isInt(right)) {
    if (typeof left === 'number' && typeof right === 'number') {
      const product = left * right;
      // Adding zero turns -0 into 0.
      if (product <= SAFE && product >= -SAFE) return product + 0;
    }
    return int(BigInt(left) * BigInt(right));
  }
  if (left instanceof BigInteger && right instanceof BigInteger) return bigProduct(left.value, right.value, machine);
  if (left instanceof Float && right instanceof Float) return float(left.value * right.value);
  throw undefinedOn(node, left, right);
}

export function divide(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (isInt(left) && isInt(right)) {
    if (right === 0) throw fault(node, 'division by zero');
    // The quotient of two safe integers, rounded and then truncated, is exact.
    if (typeof left === 'number' && typeof right === 'number') return Math.trunc(left / right) + 0;
    return int(BigInt(left) / BigInt(right));
  }
  if (left instanceof BigInteger && right instanceof BigInteger) {
    if (right.value === 0n) throw fault(node, 'division by zero');
    chargeProduct(left.value, right.value, machine);
    return new BigInteger(left.value / right.value);
  }
  if (left instanceof Float && right instanceof Float) return float(left.value / right.value);
  throw undefinedOn(node, left, right);
}

export function remainder(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (isInt(left) && isInt(right)) {
    if (right === 0) throw fault(node, 'remainder by zero');
    if (typeof left === 'number' && typeof right === 'number') return (left % right) + 0;
    return int(BigInt(left) % BigInt(right));
  }
  if (left instanceof BigInteger && right instanceof BigInteger) {
    if (right.value === 0n) throw fault(node, 'remainder by zero');
    chargeProduct(left.value, right.value, machine);
    return new BigInteger(left.value % right.value);
  }
  throw undefinedOn(node, left, right);
}

export function negate(node: Operation, value: Value): Value {
  if (typeof value === 'number') return 0 - value;
  if (typeof value === 'bigint') return int(-value);
  if (value instanceof BigInteger) return new BigInteger(-value.value);
  if (value instanceof Float) return float(-value.value);
  throw fault(node, `negation is not defined on ${typeName(value)}`);
}

const INT_MIN = -(1n << 63n);
const INT_MAX = (1n << 63n) - 1n;

/** The Int of that value; undefined when it does not fit in 64 bits. */
export function exactInt(n: bigint): Value | undefined {
  return n < INT_MIN || n > INT_MAX ? undefined : int(n);
}

/** `left` by `right` without wrapping, for the checked methods; undefined when there is no such Int. */
export function checked(operator: '+' | '-' | '*', left: number | bigint, right: number | bigint): Value | undefined {
  const a = BigInt(left);
  const b = BigInt(right);
  return exactInt(operator === '+' ? a + b : operator === '-' ? a - b : a * b);
}

function big(value: bigint, machine: Machine): BigInteger {
  const size = bigBytes(value);
  machine.charge(size >> 6);
  checkBytes(size);
  return new BigInteger(value);
}

function bigProduct(left: bigint, right: bigint, machine: Machine): BigInteger {
  chargeProduct(left, right, machine);
  return big(left * right, machine);
}

/** Work grows with the product of the lengths; counted before it is done. */
function chargeProduct(left: bigint, right: bigint, machine: Machine): void {
  machine.charge(Math.ceil(((bigBytes(left) / 8) * (bigBytes(right) / 8)) / 16));
}
