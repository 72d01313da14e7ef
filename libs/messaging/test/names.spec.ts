import { topics } from '@tradecore/events';
import type { IncomingMessage } from '../src/message.ts';
import { byteLength } from '../src/message.ts';
import { Names } from '../src/names.ts';
import { toDeadLetter } from '../src/dead-letters.ts';
import fc from 'fast-check';

const fault = (name: string) => expect.objectContaining({ fault: name }) as Error;

describe('names', () => {
  const [bare, spaced] = ['', 'blue'].map((namespace) => new Names(namespace, Object.values(topics))) as [Names, Names];

  it('have the namespace in front on the broker, and not here', () => {
    expect(bare.onBroker('transport.order-events')).toBe('transport.order-events');
    expect(spaced.onBroker('transport.order-events')).toBe('blue.transport.order-events');
    expect(spaced.ours('blue.transport.order-events')).toBe('transport.order-events');
  });

  it('may be written only by their declared writer, and never when undeclared', () => {
    expect(spaced.writable(topics.orderEvents.name, 'relay')).toBe('blue.transport.order-events');
    expect(spaced.writable(topics.marketData.name, 'services')).toBe('blue.transport.market-data');
    expect(() => spaced.writable(topics.orderEvents.name, 'services')).toThrow(fault('forbidden-topic'));
    expect(() => spaced.writable(topics.marketData.name, 'relay')).toThrow(fault('forbidden-topic'));
    expect(() => spaced.writable(topics.relayPosition.name, 'relay')).toThrow(fault('forbidden-topic'));
    expect(() => spaced.writable('blue.transport.order-events', 'relay')).toThrow(fault('undeclared-topic'));
  });
});

describe('a dead letter', () => {
  const original: IncomingMessage = {
    topic: 'transport.order-events',
    partition: 4,
    offset: 9_007_199_254_740_993n,
    timestamp: 1,
    key: Buffer.from([0, 255]),
    value: Buffer.from('{"broken'),
    headers: { ce_id: Buffer.from('x'), twice: [Buffer.from('1'), Buffer.from('2')] },
  };
  const note = { group: 'orders', reason: 'undecodable', detail: 'no-json', attempts: 1, error: new Error('why') } as const;

  it('has a fixed key, the original bytes, key and headers, and the note', () => {
    const letter = toDeadLetter(original, note, 10_000);
    expect(letter).toMatchObject({
      key: 'orders/transport.order-events/4/9007199254740993',
      value: original.value,
      headers: {
        dl_group: 'orders',
        dl_reason: 'undecodable',
        dl_detail: 'no-json',
        dl_attempts: '1',
        dl_topic: 'transport.order-events',
        dl_offset: '9007199254740993',
        original_key: original.key,
        original_header_ce_id: original.headers['ce_id'],
        original_header_twice: original.headers['twice'],
      },
    });
    expect(String(letter.headers?.['dl_error'])).toContain('why');
  });

  it('of a record without a value is marked as such', () => {
    expect(toDeadLetter({ ...original, value: null }, note, 10_000).headers).toMatchObject({ original_null: 'true' });
  });

  it('never exceeds the limit: its value is truncated, and a header holds the original size', () => {
    const size = fc.integer({ min: 0, max: 20_000 });
    fc.assert(
      fc.property(size, (bytes) => {
        const letter = toDeadLetter({ ...original, value: Buffer.alloc(bytes) }, note, 10_000);
        expect(byteLength(letter)).toBeLessThanOrEqual(10_000);
        const whole = letter.value?.length === bytes;
        expect(letter.headers?.['dl_truncated_from_bytes']).toBe(whole ? undefined : String(bytes));
      }),
    );
  });
});
