import { given } from '@tradecore/event-sourcing/testing';
import { RiskLimitsSet, TradingHalted, TradingResumed } from '@tradecore/events';
import { sampleText } from '@tradecore/events/testing';
import { TradingControl } from '../index.ts';
import { InvalidLimits } from './trading-control.aggregate.ts';

const halted = new TradingHalted({ scope: 'all', reason: sampleText('0001') });
const resumed = new TradingResumed({ scope: 'all', reason: sampleText('0003') });

describe('the kill switch', () => {
  it('halts once', () =>
    given(TradingControl)
      .when((control) => {
        control.halt('all', sampleText('0001'));
        control.halt('all', sampleText('0002'));
      })
      .then(halted));

  it('resumes once, and shows its current state', () => {
    const control = new TradingControl('0190a6e0-0000-7000-8000-000000000001').replay([halted]);
    expect(control.halted).toEqual({ scope: 'all', reason: sampleText('0001') });
    control.resume('all', sampleText('0003'));
    control.resume('all', sampleText('0004'));
    expect(control.uncommittedEvents).toEqual([resumed]);
    expect([control.isHalted, control.halted]).toEqual([false, undefined]);
  });

  it('that was never pressed has nothing to resume', () =>
    given(TradingControl)
      .when((control) => control.resume('all', sampleText('0005')))
      .then());
});

describe('limits', () => {
  it('are kept in one spelling', () =>
    given(TradingControl)
      .when((control) => control.setLimits('all', { maxOrderValue: '01000.00', priceCollarPercent: '5' }))
      .then(new RiskLimitsSet({ scope: 'all', maxOrderValue: '1000', priceCollarPercent: '5' })));

  it('replace all earlier ones; the same again change nothing', () => {
    const control = new TradingControl('0190a6e0-0000-7000-8000-000000000001');
    control.setLimits('all', { maxOrderValue: '1000', maxOrderQuantity: '10' });
    control.setLimits('all', { maxOrderQuantity: '10.0', maxOrderValue: '1000' });
    control.setLimits('all', { maxOrderQuantity: '10' });
    expect(control.limits).toEqual({ maxOrderQuantity: '10' });
    expect(control.version).toBe(2);
  });

  it.each([
    ['0', 'not-positive'],
    ['-5', 'not-positive'],
    ['ten', 'not-a-decimal'],
  ])('of %s are refused: %s, naming each field', (text, code) => {
    const control = new TradingControl('0190a6e0-0000-7000-8000-000000000001');
    const set = () => control.setLimits('all', { maxOrderValue: text, priceCollarPercent: text, maxOrderQuantity: '1' });
    expect(set).toThrow(InvalidLimits);
    const errors = ['#/maxOrderValue', '#/priceCollarPercent'].map((pointer) => expect.objectContaining({ pointer, code }));
    expect(set).toThrow(expect.objectContaining({ details: { errors } }));
    expect(control.version).toBe(0);
  });
});
