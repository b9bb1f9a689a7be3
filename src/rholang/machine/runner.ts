/** The inline runner of label `rho`: finds the place of a task and lets a machine run it. */
import { PowerboxError } from '../../errors.ts';
import type { InlineRunner, Task, Turn } from '../../space/index.ts';
import { compiledOf } from './compile.ts';
import { whereOf } from './faults.ts';
import { TurnMachine } from './machine.ts';
import type { CompiledTerm, Place } from './place.ts';

export class RholangRunner implements InlineRunner {
  /** Reused from task to task; null while one runs. */
  #idle: TurnMachine | null = null;
  readonly #splits: boolean;

  /** With `splits` each parallel branch is a task of its own: in a space that nothing outlives, to try other orders. */
  constructor({ splits = false }: { readonly splits?: boolean } = {}) {
    this.#splits = splits;
  }

  run(task: Task, turn: Turn): void {
    const { term } = task.body;
    // A program that says nothing: Nil has no term of its own.
    if (term === null) return;
    let machine = this.#idle;
    if (machine === null) machine = new TurnMachine(turn, this.#splits);
    else machine.turn = turn;
    this.#idle = null;
    try {
      machine.run(placeOf(term, task.body.place), task.body.environment, task.captures);
    } catch (error) {
      machine.failed(error);
    }
    this.#idle = machine;
  }

  where({ body }: Task): string {
    if (body.term === null) return '';
    return whereOf(compiledOf(body.term).places[body.place]?.source ?? body.term.term);
  }
}

function placeOf(term: NonNullable<Task['body']['term']>, number: number): Place {
  const compiled = (term.compiled as CompiledTerm | null | undefined) ?? compiledOf(term);
  const place = compiled.places[number];
  if (place === undefined) {
    throw new PowerboxError('bad_request', `this term has no place ${number}`, {
      hint: 'this continuation was stored by another runtime version',
    });
  }
  return place;
}
