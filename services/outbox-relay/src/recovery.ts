import type { CurrentBatch } from '@tradecore/event-sourcing';

/**
 * What to do after a start. `halt` tells the operator why; `closesStore`: new decisions on this store may contradict
 * published ones.
 */
export type Verdict =
  | { readonly kind: 'first-start' }
  | { readonly kind: 'go-on' }
  | { readonly kind: 'resend' }
  | { readonly kind: 'halt'; readonly why: string; readonly closesStore: boolean };

const halt = (why: string, closesStore = false): Verdict => ({ kind: 'halt', why, closesStore });

/**
 * Compares the last batch that the store recorded (N) with the position that the broker committed together with a batch
 * (M). M = N: batch N is published. M = N-1: it is not, its transaction never committed. Anything else means that the
 * store or the broker was restored, replaced, or failed over to a lagging copy. Read M before N, and N under the lease:
 * the other way round, a relay that slept in between sees an old N and a new M, and halts without cause.
 */
export function compare(batch: CurrentBatch, position: bigint | undefined): Verdict {
  const { number } = batch;
  if (position === undefined) {
    return number === 0n
      ? { kind: 'first-start' }
      : halt('the broker has no position of this store: another Kafka cluster, or the position expired');
  }
  if (position === number) return { kind: 'go-on' };
  if (position > number) return halt('the broker is ahead of the store: the store is an older state of itself', true);
  if (position < number - 1n) return halt('the broker is behind the store: it has lost transactions that it had acknowledged');
  if (batch.settled) return halt('the broker has lost the last batch, which it had acknowledged');
  if (batch.damaged) return halt('the last batch must be sent again, but the outbox does not hold all of it');
  return { kind: 'resend' };
}
