import { decimal } from '@tradecore/money';
import { isSameEnd } from '@tradecore/checks';

const end = (status: string, filled: string) => ({ status, filled: decimal(filled), total: decimal('10') });

describe('the end of an order here and at the brokerage', () => {
  it.each([
    ['has the same name', end('canceled', '4'), end('canceled', '4'), true],
    ['is a fill after the cancel that was heard first', end('filled', '10'), end('canceled', '10'), true],
    ['was a fill of which a part was taken back before it was heard', end('canceled', '4'), end('filled', '4'), true],
    ['was a fill here of which a part was taken back', end('filled', '4'), end('canceled', '4'), true],
    ['is missed by a gateway that does not know of the fill', end('canceled', '4'), end('filled', '10'), false],
    ['is invented by a gateway', end('filled', '10'), end('canceled', '4'), false],
    ['is another', end('expired', '4'), end('filled', '4'), false],
    ['is still to come', end('working', '10'), end('filled', '10'), false],
  ])('%s', (_, here, there, same) => {
    expect(isSameEnd(here, there)).toBe(same);
  });
});
