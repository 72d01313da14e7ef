import type { CurrentBatch } from '@tradecore/event-sourcing';

/** What to do after a start: `halt` says why, for the operator; `closesStore`: what is decided on this store may contradict what it has said before. */
export type Verdict =
  | { readonly kind: 'first-start' }
  | { readonly kind: 'go-on' }
  | { readonly kind: 'resend' }
  | { readonly kind: 'halt'; readonly why: string; readonly closesStore: boolean };

const halt = (why: string, closesStore = false): Verdict => ({ kind: 'halt', why, closesStore });

/**
 * Compares the batch that the store wrote down last (N) with the position that the broker committed together with a batch (M).
 * M = N: batch N is out. M = N-1: it is not, its transaction never committed. Anything else means that the store or the broker is
 * not the one it was: restored, failed over behind, or replaced. Read M before N, N under the lease: the other way round a
 * relay that slept in between sees an old N and a new M, and halts for nothing.
 */
export function compare(batch: CurrentBatch, position: bigint | undefined): Verdict {
  const { number } = batch;
  if (position === undefined) {
    return number === 0n
      ? { kind: 'first-start' }
      : halt('the broker has no position of this store: another kafka, or a position that expired');
  }
  if (position === number) return { kind: 'go-on' };
  if (position > number) return halt('the broker is ahead of the store: the store is an older state of itself', true);
  if (position < number - 1n) return halt('the broker is behind the store: it has lost transactions that it had acknowledged');
  if (batch.settled) return halt('the broker has lost the last batch, which it had acknowledged');
  if (batch.damaged) return halt('the last batch must be sent again, and the outbox does not hold all of it');
  return { kind: 'resend' };
}
