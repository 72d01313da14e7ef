import type { ConsumerStatus } from '@tradecore/messaging';
import { gauge } from '@tradecore/telemetry';
import type { Subscription, SubscriptionStatus } from './subscription.ts';

/** One part of a service's readiness. */
export interface ReadinessCheck {
  readonly name: string;
  check(): { readonly ok: boolean; readonly state: string };
}

/** A member of a group that was not heard of for this long has lost its partitions (session timeout 6 s). */
const maxSilenceMs = 10_000;
/** A batch that is not done after this long is stuck, whatever its size. */
const maxBacklogAgeMs = 15_000;

/**
 * Ready: a member of its group (with partitions or, when others have them all, without), heard of within 10 s, no batch in hand for more
 * than 15 s, not stopped. Building and waiting for a builder is not ready: what it would show is old.
 */
export function readinessOf(subscription: Pick<Subscription, 'status'>): ReadinessCheck {
  return { name: subscription.status().name, check: () => judge(subscription.status()) };
}

function judge(status: SubscriptionStatus): { ok: boolean; state: string } {
  const { consumer, reason } = status;
  const fault = faultOf(status, consumer);
  if (fault !== undefined) return { ok: false, state: reason === undefined ? fault : `${fault}: ${reason}` };
  if (consumer?.assignment.length === 0) return { ok: true, state: 'standing by: others have all partitions' };
  return { ok: true, state: `${consumer?.assignment.length} partitions, backlog ${Math.round(status.backlogAgeMs)} ms` };
}

/** Without partitions nothing was ever claimed: it stands by. */
const isAtWork = (state: SubscriptionStatus['state'], consumer: ConsumerStatus | undefined): boolean =>
  state === 'running' || (state === 'starting' && consumer?.assignment.length === 0);

function faultOf({ state, backlogAgeMs }: SubscriptionStatus, consumer: ConsumerStatus | undefined): string | undefined {
  if (!isAtWork(state, consumer)) return state;
  if (!consumer) return 'consumer not started';
  if (consumer.state !== 'joined') return `consumer ${consumer.state}`;
  const silence = Date.now() - consumer.lastHeartbeatAt;
  if (silence > maxSilenceMs) return `no heartbeat for ${silence} ms`;
  return backlogAgeMs > maxBacklogAgeMs ? `a batch is in hand for ${Math.round(backlogAgeMs)} ms` : undefined;
}

const ages = new Map<string, () => number>();

/** Shows how old the oldest batch in hand is, asked for when metrics are read: it grows while nothing moves, as the lag of the last batch does not. */
export function showBacklogAge(subscription: string, age: () => number): void {
  ages.set(subscription, age);
  gauge({
    name: 'projection_backlog_age_seconds',
    help: 'Time since the oldest batch in hand was taken up; 0 when none is.',
    labels: { projector: [] as string[] },
    collect: (metric) => {
      for (const [projector, read] of ages) metric.set({ projector }, read());
    },
  });
}
