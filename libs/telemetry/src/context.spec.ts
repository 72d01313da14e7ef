import { setImmediate } from 'node:timers/promises';
import { currentContext, extendContext, runInContext, traced, tracedBatch } from './context.ts';
import { parseTraceparent } from './trace-context.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('the context', () => {
  it('is kept across awaits, and only inside', async () => {
    await runInContext({ correlationId: 'c-1', actor: 'me' }, async () => {
      await setImmediate();
      expect(currentContext()).toEqual({ correlationId: 'c-1', actor: 'me' });
    });
    expect(currentContext()).toBeUndefined();
  });

  it('of one request never leaks into a concurrent one', async () => {
    const seen = (id: string) =>
      runInContext({ correlationId: id }, async () => {
        for (let turn = 0; turn < 5; turn += 1) await setImmediate();
        return currentContext()?.correlationId;
      });
    expect(await Promise.all(['a', 'b', 'c'].map(seen))).toEqual(['a', 'b', 'c']);
  });

  it('replaces the outer context completely: a command id does not leak into the next command', () =>
    runInContext({ correlationId: 'outer', commandId: 'x' }, () =>
      runInContext({ correlationId: 'inner' }, () => expect(currentContext()).toEqual({ correlationId: 'inner' })),
    ));

  it('can be extended', () =>
    runInContext({ correlationId: 'c', actor: 'me' }, () =>
      extendContext({ commandId: 'x' }, () =>
        expect(currentContext()).toEqual({ correlationId: 'c', actor: 'me', commandId: 'x' }),
      ),
    ));

  it('cannot be extended if there is none', () => expect(() => extendContext({ commandId: 'x' }, () => 1)).toThrow(TypeError));
});

describe('a traced step', () => {
  it('passes on the trace without OpenTelemetry too, with its own span', () =>
    runInContext({ correlationId: 'c', traceparent }, () =>
      traced('step', async () => {
        const inside = parseTraceparent(currentContext()?.traceparent);
        expect(inside?.traceId).toBe('a'.repeat(32));
        expect(inside?.spanId).not.toBe('b'.repeat(16));
      }),
    ));

  it('continues the trace it is given, not the surrounding one', () =>
    runInContext({ correlationId: 'c', traceparent: `00-${'9'.repeat(32)}-${'9'.repeat(16)}-01` }, () =>
      traced('step', async () => expect(currentContext()?.traceparent).toContain('a'.repeat(32)), { traceparent }),
    ));

  it('rethrows errors', () => expect(traced('step', async () => Promise.reject(new Error('no')))).rejects.toThrow('no'));
});

describe('a batch of many traces', () => {
  it('continues the first of them', () =>
    runInContext({ correlationId: 'c' }, () =>
      tracedBatch('step', [undefined, traceparent, `00-${'9'.repeat(32)}-${'9'.repeat(16)}-01`], async () =>
        expect(currentContext()?.traceparent).toContain('a'.repeat(32)),
      ),
    ));

  it('of none is no step', async () =>
    expect(await tracedBatch('step', [undefined], async () => currentContext() ?? 'none')).toBe('none'));
});
