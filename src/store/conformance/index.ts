/** Suites that every journal and every store must pass, with any test runner. */
export { byItself, type Place, type Runner } from './harness.ts';
export { journalConformance } from './journal.ts';
export { storeConformance } from './store.ts';
