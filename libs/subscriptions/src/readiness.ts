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

function judge({ state, reason, backlogAgeMs, consumer }: SubscriptionStatus): { ok: boolean; state: string } {
  if (state === 'starting' && consumer?.state === 'joined' && consumer.assignment.length === 0) {
    return { ok: true, state: 'standing by: others have all partitions' };
  }
  const said = reason === undefined ? '' : `: ${reason}`;
  if (state !== 'running') return { ok: false, state: `${state}${said}` };
  if (!consumer || consumer.state !== 'joined')
    return { ok: false, state: `consumer ${consumer?.state ?? 'not started'}${said}` };
  const silence = Date.now() - consumer.lastHeartbeatAt;
  if (silence > maxSilenceMs) return { ok: false, state: `no heartbeat for ${silence} ms` };
  if (backlogAgeMs > maxBacklogAgeMs) return { ok: false, state: `a batch is in hand for ${Math.round(backlogAgeMs)} ms${said}` };
  return { ok: true, state: `${consumer.assignment.length} partitions, backlog ${Math.round(backlogAgeMs)} ms` };
}
