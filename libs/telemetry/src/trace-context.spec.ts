import fc from 'fast-check';
import { childTraceparent, formatTraceparent, parseTraceparent } from './trace-context.ts';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => !/^0+$/.test(text));

describe('a traceparent', () => {
  it('survives reading and writing if well formed', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 255 }), (traceId, spanId, traceFlags) => {
        const text = formatTraceparent({ traceId, spanId, traceFlags });
        expect(parseTraceparent(text)).toEqual({ traceId, spanId, traceFlags, isRemote: true });
      }),
    );
  });

  it.each([
    undefined,
    '',
    'garbage',
    `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
    `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`,
    `ff-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
    `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01-more`,
    `00-${'A'.repeat(32)}-${'1'.repeat(16)}-01`,
  ])('is ignored when it is %s', (text) => expect(parseTraceparent(text)).toBeUndefined());

  it('is read from a newer version as far as it is known', () =>
    expect(parseTraceparent(`01-${'1'.repeat(32)}-${'2'.repeat(16)}-01-more`)?.spanId).toBe('2'.repeat(16)));

  it('never fails a request, whatever a client sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseTraceparent(childTraceparent(text))).toBeDefined();
      }),
    );
  });

  it('keeps the trace and the flags of its parent, and has its own span', () => {
    const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    const child = parseTraceparent(childTraceparent(parent));
    expect(child).toMatchObject({ traceId: 'a'.repeat(32), traceFlags: 0 });
    expect(child?.spanId).not.toBe('b'.repeat(16));
  });

  it('starts a new trace without a parent', () => {
    expect(parseTraceparent(childTraceparent())?.traceId).not.toBe(parseTraceparent(childTraceparent())?.traceId);
  });
});
