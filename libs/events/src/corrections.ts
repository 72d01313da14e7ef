import { derivedId } from './ids.ts';
import { event } from './event.ts';

/**
 * What an owner is asked: `redeliver`: the saga hears stored events again; `query`: the gateway asks the brokerage about
 * one BrokerOrder; `catch-up`: a projector folds what it lacks of one aggregate.
 */
export type CorrectionKind = 'redeliver' | 'query' | 'catch-up';

/**
 * An operator has applied a correction that the reconciler proposed. It asks the owner to look again: the owner decides
 * by the state it finds, and stores what follows. Each is an aggregate of its own, with this single event.
 */
export class CorrectionApplied extends event('CorrectionApplied', 1)<{
  readonly kind: CorrectionKind;
  /** The service that is asked. */
  readonly owner: string;
  /** The aggregate that the owner looks at again: a saga, a BrokerOrder, or what a projector folds. */
  readonly target: string;
  /** Ids of the stored events that are heard again; only of `redeliver`. */
  readonly events: readonly string[];
  /** Of the finding: its check and kind, what is wrong, and at which version of it. */
  readonly check: string;
  readonly finding: string;
  readonly subject: string;
  readonly version: number;
}> {}

/** The id of a correction: the same finding at the same version has one of each kind. */
export const correctionIdFor = (check: string, subject: string, version: number, kind: CorrectionKind): string =>
  derivedId('correction', check, subject, String(version), kind);
