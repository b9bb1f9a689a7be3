/** Data model, order by value, canonical bytes, names. */
export * from './value.ts';
export * from './build.ts';
export { compare, equal, compareText, compareBytes } from './order.ts';
