import type { ConsumerStatus } from '@tradecore/messaging';
import { readinessOf } from './readiness.ts';
import type { SubscriptionStatus } from './subscription.ts';

const partition = { topic: 'transport.order-events', partition: 0 };

function ready(status: Partial<SubscriptionStatus>, consumer: Partial<ConsumerStatus> = {}) {
  const joined: ConsumerStatus = {
    state: 'joined',
    assignment: [partition],
    lastHeartbeatAt: Date.now(),
    restarts: 0,
    ...consumer,
  };
  return readinessOf({ status: () => ({ name: 'x', state: 'running', backlogAgeMs: 0, consumer: joined, ...status }) }).check();
}

describe('readiness of a projector', () => {
  it('is ok while it runs, with its partitions', () =>
    expect(ready({})).toEqual({ ok: true, state: '1 partitions, backlog 0 ms' }));

  it('is ok while it stands by without partitions', () => expect(ready({ state: 'starting' }, { assignment: [] }).ok).toBe(true));

  it('is ok while its fold is older than the rows: a rollback ends', () =>
    expect(ready({ state: 'outdated', reason: 'the rows have version 2' })).toEqual({
      ok: true,
      state: 'an operator must ask for a rebuild: the rows have version 2',
    }));

  it.each<[string, Partial<SubscriptionStatus>, Partial<ConsumerStatus>]>([
    ['building', { state: 'building', reason: 'never-built' }, {}],
    ['stopped: the model holds', { state: 'stopped', reason: 'the model holds' }, {}],
    ['consumer rebalancing', {}, { state: 'rebalancing' }],
    ['consumer not started', { consumer: undefined }, {}],
    ['no heartbeat', {}, { lastHeartbeatAt: Date.now() - 11_000 }],
    ['a batch has been in progress for 16000 ms: no disk', { backlogAgeMs: 16_000, reason: 'no disk' }, {}],
  ])('is refused with the reason: %s', (said, status, consumer) => {
    const answer = ready(status, consumer);
    expect(answer.ok).toBe(false);
    expect(answer.state).toContain(said);
  });
});
