/** For engines that answer with promises: what happens is told to whoever posted. */
import type { Cause, Engine, Poster, Task } from './types.ts';

export function enactTelling(engine: Pick<Engine, 'enact'>, poster: Poster, cause: Cause): void {
  tell(
    poster,
    engine.enact(cause, (result, turn) => poster.inTurn?.(result, turn)),
  );
}

export function concludeTelling(engine: Pick<Engine, 'conclude'>, poster: Poster, task: Task, cause: Cause): void {
  tell(
    poster,
    engine.conclude(task, cause, (result, turn) => poster.inTurn?.(result, turn)),
  );
}

function tell(poster: Poster, work: Promise<unknown>): void {
  work.then(
    (result) => poster.done(result),
    (error) => poster.refused(error),
  );
}
