import { ofBackup, ofClock, ofMarket, ofReader, ofReconciler, ofRelay, ofSessions } from './ailments.ts';

const relaying = { state: 'relaying', 'oldest (s)': 10 };
const well = { base: 36 * 3600, restorable: 60, restoreTest: 8 * 86_400 };

describe('the doctor', () => {
  it.each([
    ['an outbox in time', ofRelay(relaying), []],
    ['an outbox behind', ofRelay({ ...relaying, 'oldest (s)': 11 }), ['events wait in the outbox for 11 s']],
    ['a halted relay', ofRelay({ state: 'halted', reason: 'x', 'oldest (s)': 99 }), ['the relay is halted: x']],
    ['a closed store', ofRelay(relaying, { closed_reason: 'restored' }), ['the store is closed: restored']],
    ['a store that moved', ofRelay(relaying, { moved_from: 'timeline 1' }), [expect.stringContaining('was on timeline 1')]],
    ['a reader near', ofReader({ name: 'x', state: 'running', 'lag (records)': 10_000 }, 'r'), []],
    ['a reader behind', ofReader({ name: 'x', state: 'running', 'lag (records)': 10_001 }, 'r'), ['x is 10001 records behind']],
    ['a reader halted', ofReader({ name: 'x', state: 'halted', reason: 'y' }, 'r'), ['x is halted: y']],
    ['few sessions', ofSessions([{ service: 'a', sessions: 80, open: 60 }], 100), []],
    ['many sessions', ofSessions([{ service: 'a', sessions: 81, open: null }], 100), [expect.stringContaining('81 of 100')]],
    [
      'an old transaction',
      ofSessions([{ service: 'a', sessions: 1, open: 61 }], 100),
      [expect.stringContaining('open for 61 s')],
    ],
    ['a clock within the question', ofClock(5_000, { before: 6_000, after: 7_000 }), []],
    ['a clock behind', ofClock(4_900, { before: 6_000, after: 7_000 }), [expect.stringContaining('1.1 s apart')]],
    ['a clock ahead', ofClock(8_100, { before: 6_000, after: 7_000 }), [expect.stringContaining('1.1 s apart')]],
    ['no market data', ofMarket(undefined, 0), ['no market data has been published']],
    ['an old price at night', ofMarket({ isOpen: false }, 9_999), []],
    ['a price in time', ofMarket({ isOpen: true }, 60), []],
    ['an old price', ofMarket({ isOpen: true }, 61), [expect.stringContaining('61 s old')]],
    ['a reconciler that finds nothing', ofReconciler(0, new Map([['topics', 900]])), []],
    ['findings', ofReconciler(2, new Map()), ['the reconciler has 2 findings']],
    ['a reconciler behind', ofReconciler(0, new Map([['orphans', 901]])), ['the reconciler has compared no orphans for 901 s']],
    ['a backup in time', ofBackup(well), []],
    ['WAL behind', ofBackup({ ...well, restorable: 61 }), ['the newest moment that can be restored is 61 s old']],
    ['an old base', ofBackup({ ...well, base: 37 * 3600 }), ['the newest base of the backup is 37 h old']],
    ['no base', ofBackup({ ...well, base: Infinity }), ['the backup has no base']],
    ['a restore long ago', ofBackup({ ...well, restoreTest: 9 * 86_400 }), ['the last restore is 216 h old']],
    ['no restore', ofBackup({ ...well, restoreTest: Infinity }), ['no restore has been tried']],
  ])('says of %s what exceeds its limit', (_, found, expected) => {
    expect(found.map(({ what }) => what)).toEqual(expected);
  });

  it('puts what hurts clients now before what may hurt them', () => {
    expect(ofRelay({ state: 'halted' })[0]).toMatchObject({ severity: 1, runbook: 'relay-halted' });
    expect(ofBackup({ base: Infinity, restorable: Infinity, restoreTest: Infinity })).toMatchObject([
      { severity: 2, runbook: 'backup-behind' },
      { severity: 2 },
      { severity: 3 },
    ]);
  });
});
