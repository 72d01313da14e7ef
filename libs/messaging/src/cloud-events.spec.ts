import type { RecordedEvent } from '@tradecore/events';
import fc from 'fast-check';
import { decode, encode, saveOf, Undecodable, type EncodableEvent } from './cloud-events.ts';
import type { OutgoingMessage } from './message.ts';

const version = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const clean = (arbitrary: fc.Arbitrary<string>) => arbitrary.filter((text) => !text.includes('\0'));
const text = clean(fc.string({ unit: 'grapheme', maxLength: 60 }));
const time = fc
  .date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
  .chain((date) =>
    fc.integer({ min: 0, max: 999 }).map((micros) => date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`)),
  );

const events: fc.Arbitrary<RecordedEvent> = fc.record({
  id: fc.uuid(),
  aggregateId: fc.uuid(),
  aggregateType: fc.stringMatching(/^[A-Z][a-zA-Z]{0,99}$/),
  aggregateVersion: version,
  type: fc.stringMatching(/^[A-Z][a-zA-Z]{0,199}$/),
  schemaVersion: version,
  data: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text))),
  time,
  correlationId: maybe(fc.uuid()),
  causationId: maybe(fc.uuid()),
  sagaId: maybe(fc.uuid()),
  metadata: fc.record({ account: text, actor: text, traceparent: text }, { requiredKeys: [] }),
});

const encodable = ({ data, ...envelope }: RecordedEvent): EncodableEvent => ({ ...envelope, dataText: JSON.stringify(data) });
const asRead = ({ value, headers }: OutgoingMessage) => ({
  value: value === null ? null : Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(String(text))])),
});
const sample: EncodableEvent = {
  id: '019ab000-0000-7000-8000-000000000001',
  aggregateId: '019ab000-0000-7000-8000-000000000002',
  aggregateType: 'Order',
  aggregateVersion: 3,
  type: 'OrderPlaced',
  schemaVersion: 1,
  dataText: '{"symbol": "ACME"}',
  time: '2026-11-23T09:00:00.123456Z',
  correlationId: '019ab000-0000-7000-8000-000000000003',
  causationId: null,
  sagaId: null,
  metadata: { account: 'a-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
};
const altered = (change: Record<string, string | undefined>, value: Buffer | null = Buffer.from(sample.dataText)) => {
  const { headers } = asRead(encode(sample));
  for (const [name, text] of Object.entries(change)) {
    if (text === undefined) delete headers[name];
    else headers[name] = Buffer.from(text);
  }
  return decode({ headers, value });
};

describe('an event as a CloudEvents record in binary mode', () => {
  it('says which events were stored together, if that is known', () => {
    expect(saveOf(asRead(encode({ ...sample, save: '4711.12' })))).toEqual({ name: '4711.12', events: 12 });
    expect(saveOf(asRead(encode({ ...sample, save: null })))).toBeUndefined();
    for (const save of ['', '12', 'x y.2', '7.0', '7.-1', '7.1234567890', `${'1'.repeat(41)}.2`])
      expect(saveOf(asRead(encode({ ...sample, save })))).toBeUndefined();
  });

  it('uses the standard names, lower-case extensions, an unprefixed traceparent, and the stored text as its value', () => {
    expect(encode(sample)).toEqual({
      key: sample.aggregateId,
      value: sample.dataText,
      headers: {
        'content-type': 'application/json',
        ce_specversion: '1.0',
        ce_id: sample.id,
        ce_type: 'OrderPlaced',
        ce_source: '/tradecore/Order',
        ce_subject: sample.aggregateId,
        ce_time: '2026-11-23T09:00:00.123456Z',
        ce_aggregateversion: '3',
        ce_schemaversion: '1',
        ce_account: 'a-1',
        ce_correlationid: sample.correlationId,
        traceparent: sample.metadata.traceparent,
      },
    });
  });

  it('uses another key when one is given', () => expect(encode(sample, 'ACME').key).toBe('ACME'));

  it('decodes to the event that was encoded', () => {
    fc.assert(fc.property(events, (event) => expect(decode(asRead(encode(encodable(event))))).toEqual(event)));
  });
});

describe('a record that is not an event', () => {
  it.each([
    'ce_specversion',
    'ce_id',
    'ce_subject',
    'ce_source',
    'ce_type',
    'ce_time',
    'ce_aggregateversion',
    'ce_schemaversion',
  ])('without %s is reported as such', (name) =>
    expect(altered({ [name]: undefined })).toEqual(new Undecodable('header-missing', name)),
  );

  it.each([
    ['ce_id', 'not-a-uuid'],
    ['ce_id', sample.id.toUpperCase()],
    ['ce_subject', ''],
    ['ce_source', 'https://elsewhere.example/'],
    ['ce_source', '/tradecore/'],
    ['ce_specversion', '0.3'],
    ['ce_time', '2026-11-23T09:00:00Z'],
    ['ce_time', '2026-13-45T09:00:00.000000Z'],
    ['ce_aggregateversion', '0'],
    ['ce_aggregateversion', '2147483648'],
    ['ce_schemaversion', '1.5'],
    ['ce_type', ''],
    ['ce_type', 'x'.repeat(201)],
    ['ce_type', 'Order\0Placed'],
    ['ce_correlationid', 'x'],
    ['ce_account', 'x'.repeat(1025)],
  ])('with %s = %j is reported as such', (name, text) => {
    expect(altered({ [name]: text })).toEqual(new Undecodable('header-malformed', name));
  });

  it.each<[string, Buffer | null, string]>([
    ['no value', null, 'no-value'],
    ['invalid JSON', Buffer.from('{"symbol":'), 'no-json'],
    ['a list', Buffer.from('[]'), 'no-json'],
    ['null', Buffer.from('null'), 'no-json'],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'no-text'],
    ['U+0000 in a string', Buffer.from('{"a":["\\u0000"]}'), 'no-text'],
    ['U+0000 in a key', Buffer.from('{"a":{"\\u0000":1}}'), 'no-text'],
    ['a lone surrogate', Buffer.from('{"a":"\\ud800"}'), 'no-text'],
    ['more than a mebibyte', Buffer.from(`{"a":"${'x'.repeat(1024 * 1024)}"}`), 'too-large'],
    ['lists nested 100,000 deep', Buffer.from(`{"a":"\\u0000","b":${'['.repeat(1e5)}${']'.repeat(1e5)}}`), 'no-text'],
  ])('with %s is reported as such', (_, value, reason) => expect(altered({}, value)).toMatchObject({ reason }));

  it('is not one whose text only contains an escaped escape sequence', () => {
    expect(altered({}, Buffer.from('{"a":"\\\\u0000 \\\\ud800"}'))).toMatchObject({ data: { a: '\\u0000 \\ud800' } });
  });

  it('with a repeated header is reported as such', () => {
    const { headers, value } = asRead(encode(sample));
    expect(decode({ value, headers: { ...headers, ce_id: [Buffer.from(sample.id), Buffer.from(sample.id)] } })).toEqual(
      new Undecodable('header-malformed', 'ce_id'),
    );
  });

  it('never makes decode throw, whatever it contains', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each));
    const names = fc.constantFrom(...Object.keys(encode(sample).headers ?? {}), 'ce_sagaid', '__proto__', 'toString');
    const header = fc.oneof(bytes, fc.string(), fc.array(bytes), fc.constant(undefined));
    const value = fc.oneof(
      bytes,
      fc.json().map((json) => Buffer.from(json)),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.dictionary(names, header), value, fc.boolean(), (garbage, value, onGood) => {
        const headers = onGood ? { ...asRead(encode(sample)).headers, ...garbage } : garbage;
        const decoded = decode({ value, headers });
        expect(decoded instanceof Undecodable || typeof decoded.data === 'object').toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
