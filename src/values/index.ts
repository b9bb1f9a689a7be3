/** Data model, order by value, canonical bytes, names. */
export * from './value.ts';
