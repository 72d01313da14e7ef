import {
  BrokerOrderAccepted,
  CancellationRequested,
  ReplacementRequested,
  SubmissionRequested,
  type BrokerOrderEvent,
  type RevisionTerms,
} from '@tradecore/events';
import { BrokerOrder, nextStep, type RevisionFacts } from './index.ts';

const terms: RevisionTerms = {
  orderId: '0190a6e0-0000-7000-8000-0000000000d1',
  revision: 1,
  accountId: '0190a6e0-0000-7000-8000-00000000acc0',
  symbol: 'ACME',
  side: 'buy',
  type: 'market',
  quantity: '10',
  timeInForce: 'day',
};
const asked = (changes: Partial<RevisionTerms> = {}) => new SubmissionRequested({ ...terms, ...changes });
const accepted = new BrokerOrderAccepted({ brokerageOrderId: 'v1', found: false });
const cancel = new CancellationRequested({});
const at = (seconds: number) => `2026-01-02T03:04:${String(seconds).padStart(2, '0')}Z`;
const step = (history: BrokerOrderEvent[], facts: Partial<RevisionFacts> = {}) =>
  nextStep(new BrokerOrder('x').replay(history), { now: at(0), ...facts }, { graceMs: 2_000, quarantineMs: 30_000 });

describe('the next step of a revision', () => {
  it.each<[string, BrokerOrderEvent[], Partial<RevisionFacts>, object]>([
    ['never asked', [], {}, { do: 'nothing' }],
    ['never sent', [asked()], {}, { do: 'submit' }],
    [
      'a replacement that was never sent',
      [new ReplacementRequested({ ...terms, revision: 2, replaces: 'y' })],
      {},
      { do: 'replace' },
    ],
    ['at the broker', [asked(), accepted], {}, { do: 'watch' }],
    ['at the broker, to be cancelled', [asked(), accepted, cancel], {}, { do: 'cancel' }],
    ['sent, not answered', [asked()], { sentAt: at(0), now: at(1) }, { do: 'look-up' }],
    ['sent, absent too early to count', [asked()], { sentAt: at(0), absentAt: at(1), now: at(9) }, { do: 'look-up' }],
    ['sent, surely absent', [asked()], { sentAt: at(0), absentAt: at(2), now: at(2) }, { do: 'submit' }],
    ['not sent, not wanted', [asked(), cancel], {}, { do: 'withdraw' }],
    ['sent, absent, not wanted', [asked(), cancel], { sentAt: at(0), absentAt: at(29), now: at(29) }, { do: 'look-up' }],
    ['sent, long absent, not wanted', [asked(), cancel], { sentAt: at(0), absentAt: at(30), now: at(30) }, { do: 'withdraw' }],
    ['not sent, too late', [asked({ goodUntil: at(0) })], { now: at(1) }, { do: 'lapse', reason: 'time-in-force' }],
    ['not sent, just in time', [asked({ goodUntil: at(1) })], { now: at(1) }, { do: 'submit' }],
    ['sent, absent, too late', [asked({ goodUntil: at(0) })], { sentAt: at(0), absentAt: at(5), now: at(5) }, { do: 'look-up' }],
    [
      'sent, long absent, too late',
      [asked({ goodUntil: at(0) })],
      { sentAt: at(0), absentAt: at(31), now: at(31) },
      { do: 'lapse', reason: 'time-in-force' },
    ],
    ['a price is needed and not known', [asked({ collarPrice: '105' })], {}, { do: 'wait' }],
    ['within the collar', [asked({ collarPrice: '105' })], { lastPrice: '105' }, { do: 'submit' }],
    [
      'a buy above the collar',
      [asked({ collarPrice: '105' })],
      { lastPrice: '105.01' },
      { do: 'lapse', reason: 'collar', lastPrice: '105.01' },
    ],
    [
      'a sell below the collar',
      [asked({ side: 'sell', collarPrice: '95' })],
      { lastPrice: '94.99' },
      { do: 'lapse', reason: 'collar', lastPrice: '94.99' },
    ],
    ['a sell above it', [asked({ side: 'sell', collarPrice: '95' })], { lastPrice: '120' }, { do: 'submit' }],
  ])('%s', (_, history, facts, expected) => expect(step(history, facts)).toEqual(expected));
});
