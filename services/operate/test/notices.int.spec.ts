import { derivedId, freshId, topics } from '@tradecore/events';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.drop());

/** A deposit that was stored so many minutes ago; returns the id of its notice. */
async function deposit(amount: string, minutesAgo: number): Promise<string> {
  const [id, accountId] = [freshId(), freshId()];
  await world.query(
    `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata, schema_version,
       position, hash) values ($1, $2, 'Account', 1, 'FundsDeposited', jsonb_build_object('amount', $3::text, 'postings', '[]'::jsonb),
       now() - $4 * interval '1 minute', '{}', 1, nextval('event_position'), '')`,
    [id, accountId, amount, minutesAgo],
  );
  return derivedId('notice', id);
}

/** The notice was written, as the notifier does it. */
async function told(id: string, minutesAgo: number): Promise<void> {
  const producer = await world.kafka.kafka.openTransactional({ transactionalId: 'test' });
  const headers = { ce_id: id, ce_time: new Date(Date.now() - minutesAgo * 60_000).toISOString() };
  const batches = [{ topic: topics.userNotifications.name, messages: [{ key: 'a', value: '{}', headers }] }];
  await producer.send({ batches, group: 'test', positionTopic: topics.orderEvents.name, partition: 0, offset: 0n });
  await producer.discard();
}

const since = (minutesAgo: number) => ['--since', new Date(Date.now() - minutesAgo * 60_000).toISOString()];

describe('notices that people were not told', () => {
  it('are listed, the oldest first, but for those that may still be on their way', async () => {
    await deposit('11', 90);
    await deposit('22', 30);
    await told(await deposit('33', 20), 20);
    await deposit('44', 10);
    await deposit('55', 0);
    const { code, said } = await world.tradecore('notices', 'untold', '--json');
    const texts = (JSON.parse(said) as { text: string }[]).map(({ text }) => text);
    expect({ code, texts }).toEqual({ code: 1, texts: ['22 was deposited.', '44 was deposited.'] });
    expect((await world.tradecore('notices', 'untold', ...since(100))).said).toContain('11 was deposited.');
    expect(await world.tradecore('notices', 'untold', ...since(5))).toEqual({ code: 0, said: 'every notice was sent' });
  });
});
