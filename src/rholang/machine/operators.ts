/**
 * Operators to closures: the fast path for small integers here, the rest by type in `arithmetic.ts` and
 * `collections.ts`. Both sides are evaluated, left first, but for `&&` and `||`.
 */
import { BigInteger, Float, compareText, equal } from '../../values/index.ts';
import type { Operation, Operator, Value } from '../../values/index.ts';
import { add, divide, isInt, multiply, negate, remainder, subtract } from './arithmetic.ts';
import { concatenate, difference, interpolate } from './collections.ts';
import { fault, typeName } from './faults.ts';
import type { Operand } from './operand.ts';
import type { Evaluate, Machine } from './place.ts';
import { weight } from './sizes.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

export type Binary = (node: Operation, left: Value, right: Value, machine: Machine) => Value;

export function unary(node: Operation, part: Operand): Evaluate {
  const { evaluate } = part;
  if (node.operator === 'not') return (frame, machine) => !boolean(node, evaluate(frame, machine));
  return (frame, machine) => negate(node, evaluate(frame, machine));
}

const BINARY: { readonly [operator in Operator]?: Binary } = {
  or: (node, left, right) => either(node, left, right),
  and: (node, left, right) => both(node, left, right),
  '==': (_node, left, right, machine) => same(left, right, machine),
  '!=': (_node, left, right, machine) => !same(left, right, machine),
  '<': (node, left, right) => order(node, left, right) < 0,
  '<=': (node, left, right) => order(node, left, right) <= 0,
  '>': (node, left, right) => order(node, left, right) > 0,
  '>=': (node, left, right) => order(node, left, right) >= 0,
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '%': remainder,
  '++': concatenate,
  '--': difference,
  '%%': interpolate,
};

export function binary(node: Operation, left: Operand, right: Operand): Evaluate {
  const evaluateLeft = left.evaluate;
  const evaluateRight = right.evaluate;
  switch (node.operator) {
    case '&&':
      return (frame, machine) =>
        boolean(node, evaluateLeft(frame, machine)) && boolean(node, evaluateRight(frame, machine));
    case '||':
      return (frame, machine) =>
        boolean(node, evaluateLeft(frame, machine)) || boolean(node, evaluateRight(frame, machine));
    default: {
      const apply = BINARY[node.operator];
      if (apply === undefined) throw new Error(`operator ${node.operator} takes one operand`);
      const slow: Evaluate = (frame, machine) =>
        apply(node, evaluateLeft(frame, machine), evaluateRight(frame, machine), machine);
      if (left.form === 'variable' && right.form === 'constant' && typeof right.value === 'number') {
        return variableAndNumber(node.operator, left.slot, right.value, slow) ?? slow;
      }
      return twoNumbers(node, evaluateLeft, evaluateRight, apply) ?? slow;
    }
  }
}

/** A variable and a literal, the shape of every counting loop. */
function variableAndNumber(operator: Operator, slot: number, literal: number, slow: Evaluate): Evaluate | null {
  switch (operator) {
    case '+':
    case '-': {
      const step = operator === '+' ? literal : -literal;
      return (frame, machine) => {
        const value = frame[slot];
        if (typeof value === 'number') {
          const sum = value + step;
          if (sum <= SAFE && sum >= -SAFE) return sum;
        }
        return slow(frame, machine);
      };
    }
    case '<':
      return (frame, machine) => {
        const value = frame[slot];
        return typeof value === 'number' ? value < literal : slow(frame, machine);
      };
    case '<=':
      return (frame, machine) => {
        const value = frame[slot];
        return typeof value === 'number' ? value <= literal : slow(frame, machine);
      };
    case '>':
      return (frame, machine) => {
        const value = frame[slot];
        return typeof value === 'number' ? value > literal : slow(frame, machine);
      };
    case '>=':
      return (frame, machine) => {
        const value = frame[slot];
        return typeof value === 'number' ? value >= literal : slow(frame, machine);
      };
    case '==':
      return (frame, machine) => {
        const value = frame[slot];
        return typeof value === 'number' ? value === literal : slow(frame, machine);
      };
    default:
      return null;
  }
}

function twoNumbers(node: Operation, left: Evaluate, right: Evaluate, apply: Binary): Evaluate | null {
  switch (node.operator) {
    case '+':
      return (frame, machine) => {
        const a = left(frame, machine);
        const b = right(frame, machine);
        if (typeof a === 'number' && typeof b === 'number') {
          const sum = a + b;
          if (sum <= SAFE && sum >= -SAFE) return sum;
        }
        return apply(node, a, b, machine);
      };
    case '-':
      return (frame, machine) => {
        const a = left(frame, machine);
        const b = right(frame, machine);
        if (typeof a === 'number' && typeof b === 'number') {
          const rest = a - b;
          if (rest <= SAFE && rest >= -SAFE) return rest;
        }
        return apply(node, a, b, machine);
      };
    default:
      return null;
  }
}

/** The value as a truth value, or a fault. */
export function boolean(node: Operation, value: Value): boolean {
  if (typeof value === 'boolean') return value;
  throw fault(node, `operator \`${node.operator}\` expects Bool and got ${typeName(value)}`);
}

function either(node: Operation, left: Value, right: Value): boolean {
  const first = boolean(node, left);
  return boolean(node, right) || first;
}

function both(node: Operation, left: Value, right: Value): boolean {
  const first = boolean(node, left);
  return boolean(node, right) && first;
}

function same(left: Value, right: Value, machine: Machine): boolean {
  if (typeof left === 'number' || typeof left === 'boolean') return left === right;
  machine.charge(Math.min(weight(left), weight(right)));
  return equal(left, right);
}

/** Below, at or above zero; NaN, which is neither, when a side is not a number. */
function order(node: Operation, left: Value, right: Value): number {
  if (isInt(left) && isInt(right)) return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof BigInteger && right instanceof BigInteger)
    return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
  if (left instanceof Float && right instanceof Float) {
    return left.value < right.value ? -1 : left.value > right.value ? 1 : left.value === right.value ? 0 : Number.NaN;
  }
  throw fault(
    node,
    `operator \`${node.operator}\` cannot compare ${typeName(left)} with ${typeName(right)}`,
    'both sides must be of one type: Bool, Int, BigInt, Float or String',
  );
}
