/** Literals to values. A literal that stands for nothing is a problem in words, never a wrong value. */
import { limits } from '../../limits.ts';
import { BigInteger, float, int, uri } from '../../values/index.ts';
import type { Value } from '../../values/index.ts';
import { decodeString, decodeUri } from '../syntax/index.ts';

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

/** The value, or what is wrong, as `{ problem }`. */
export type Literal = { readonly value: Value } | { readonly problem: string; readonly hint: string };

export function integerLiteral(digits: string, negative: boolean): Literal {
  const significant = digits.replace(/^0+(?=.)/, '');
  const number = significant.length > 19 ? null : BigInt(significant) * (negative ? -1n : 1n);
  if (number === null || number < INT_MIN || number > INT_MAX) {
    const shown = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
    return {
      problem: `the number ${negative ? '-' : ''}${shown} does not fit in 64 bits`,
      hint: 'write an `n` behind it to make it a big integer',
    };
  }
  return { value: int(number) };
}

export function bigIntegerLiteral(digits: string, negative: boolean): Literal {
  if (digits.length > limits.literal_digits_max) {
    return {
      problem: `a big integer of ${digits.length} digits; at most ${limits.literal_digits_max} can be written`,
      hint: 'compute it',
    };
  }
  return { value: new BigInteger(BigInt(digits) * (negative ? -1n : 1n)) };
}

export function floatLiteral(text: string, negative: boolean): Literal {
  const number = Number(text);
  if (!Number.isFinite(number)) return { problem: `the float ${text} is too large`, hint: '' };
  return { value: float(negative ? -number : number) };
}

export function stringLiteral(literal: string): Value {
  return decodeString(literal);
}

export function uriLiteral(literal: string): Value {
  return uri(decodeUri(literal));
}
