/**
 * Accounts of programs that clients start. There may be any number of them in the life of a space, so of those that are at
 * rest only the newest stay on record; but what they left in the space stays, and it must be known who pays for it. So
 * that follows from the number alone: it is made of the number of the account on which all clients of the holder act, and
 * of one that is the program's own among theirs. Owns the form of these numbers; must never give one twice.
 */
import type { Account } from '../space/index.ts';

/** Programs of the clients of one holder; far more than a space starts in its life, and well below what a float holds. */
const PROGRAMS_MAX = 10_000_000_000;
/** Above that the number would not be exact. */
const CLIENTS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / PROGRAMS_MAX) - 1;

/** The account of the clients that started the program of this account; null when it was somebody else. */
export function clientsOf(account: Account): Account | null {
  return account < PROGRAMS_MAX ? null : Math.floor(account / PROGRAMS_MAX);
}

/** Null when there are no more such numbers: the program then has an account like any other, and stays on record. */
export function programAccount(clients: Account, program: number): Account | null {
  return clients > CLIENTS_MAX || program >= PROGRAMS_MAX ? null : clients * PROGRAMS_MAX + program;
}

/** Which of the programs of its clients it is. */
export function programOf(account: Account): number {
  return account % PROGRAMS_MAX;
}
