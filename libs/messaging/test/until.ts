import { setTimeout as delay } from 'node:timers/promises';

/** Waits until `condition` holds; throws after `withinMs` with `what`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await condition()); await delay(10)) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
  }
}
