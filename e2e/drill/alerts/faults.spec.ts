import { groupsOf } from '@tradecore/local/watch/alerts/rules.ts';
import { faults, notDrilled } from './faults.ts';

describe('npm run drill -- alerts', () => {
  it('plays each alert, or says why it can not', () => {
    const alerts = new Set(groupsOf().flatMap((group) => group.alerts.map(({ alert }) => alert)));
    const played = new Set(faults.flatMap((fault) => fault.alerts));
    expect([...played].filter((name) => name in notDrilled)).toEqual([]);
    expect([...played, ...Object.keys(notDrilled)].sort()).toEqual([...alerts].sort());
  });
});
