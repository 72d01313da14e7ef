import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  CancelBrokerOrder,
  placementIdFor,
  ReplaceBrokerOrder,
  stepIdFor,
  SubmitBrokerOrder,
  type ReplacingTerms,
  type RevisionTerms,
  type StepEvent,
} from '@tradecore/events';

/** A saga that stores the steps it is given. */
export class AskingSaga extends BaseAggregate<StepEvent> {
  static readonly type = 'OrderPlacement';
  ask(...steps: readonly StepEvent[]): void {
    for (const step of steps) this.apply(step);
  }
  onSubmitBrokerOrder(): void {
    // Nothing to remember.
  }
  onReplaceBrokerOrder(): void {
    // Nothing to remember.
  }
  onCancelBrokerOrder(): void {
    // Nothing to remember.
  }
}

type Of = Pick<RevisionTerms, 'orderId' | 'revision'>;

/** The command id of a step. */
export const commandOf = ({ orderId, revision }: Of, kind: string, about: number | string = ''): string =>
  stepIdFor(placementIdFor(orderId), kind, `${revision}/${about}`);

const step = (of: Of, kind: string, { about = '', attempt = 1 }: { about?: number | string; attempt?: number } = {}) => ({
  target: brokerOrderIdFor(of.orderId, of.revision),
  commandId: commandOf(of, kind, about),
  attempt,
  dueAt: '2999-01-01T00:00:00Z',
});

/** The step that sends these terms. */
export const submitting = (terms: RevisionTerms, attempt = 1): SubmitBrokerOrder =>
  new SubmitBrokerOrder({ ...terms, ...step(terms, 'submit', { attempt }) });

/** The step that replaces a BrokerOrder by these terms. */
export const replacing = (terms: ReplacingTerms, attempt = 1): ReplaceBrokerOrder =>
  new ReplaceBrokerOrder({ ...terms, ...step(terms, 'replace', { attempt }) });

/** The step that cancels; each request is one of its own. */
export const canceling = (
  { orderId, accountId, revision }: Pick<RevisionTerms, 'orderId' | 'accountId' | 'revision'>,
  request = 1,
  attempt = 1,
): CancelBrokerOrder => {
  const of = { orderId, revision };
  return new CancelBrokerOrder({ ...of, accountId, ...step(of, 'cancel', { about: request, attempt }) });
};
