import { event } from './event.ts';

/**
 * An operator has changed something: stored by the function that changed it, in the same transaction. Each is an
 * aggregate of its own, with this single event; the metadata also names the operator.
 */
export class OperationPerformed extends event('OperationPerformed', 1)<{
  /** As typed by the operator, without its arguments: `parked redrive`. */
  readonly command: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** The reason that the operator gave. */
  readonly why: string;
  /** The login of the database session. */
  readonly by: string;
  readonly outcome: string;
}> {}
