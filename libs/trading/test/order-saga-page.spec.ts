import { readFileSync } from 'node:fs';
import { catalogue } from '@tradecore/events';
import { stepRules, stuckEveryMs } from '../src/index.ts';
import { printed, table } from './printed.ts';

const asks: Readonly<Record<keyof typeof stepRules, string>> = {
  ReservationAsked: 'the account to hold back money or shares',
  ReservationChangeAsked: 'the account to hold back more or less',
  SettlementAsked: 'the account to book an execution',
  ReleaseAsked: 'the account to free what is left',
  OrderChangeAsked: 'the order to take what happened',
  SubmissionAsked: 'the gateway to store the intent to send a revision',
  ReplacementAsked: 'the gateway to store the intent to replace a revision',
  CancellationAsked: 'the gateway to store the intent to cancel a revision',
};
const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
const steps = table(
  ['step', 'asks', 'first deadline', 'attempts', 'given up after', 'then'],
  Object.entries(stepRules).map(([type, { deadlineMs, attempts, then }]) => [
    `\`${type}\``,
    asks[type as keyof typeof stepRules],
    seconds(deadlineMs),
    String(attempts),
    seconds(deadlineMs * (2 ** attempts - 1)),
    then,
  ]),
);

describe('docs/order-saga.md', () => {
  it('shows the steps as the code has them (UPDATE_GOLDEN=1 prints them anew)', () => {
    const page = printed('order-saga.md', 'steps', steps);
    expect(page.found).toBe(page.wanted);
    expect(stuckEveryMs).toBe(5 * 60 * 1000);
  });

  it('names no event that there is not, and says of every word of the broker what follows', () => {
    const page = readFileSync(new URL('../../../docs/order-saga.md', import.meta.url), 'utf8');
    const types = new Set(Object.values(catalogue).flatMap(({ events }) => events.map(({ type }) => type)));
    const named = [...page.matchAll(/`((?:Order|Reservation|Broker|Execution|Placement|Revision)[A-Z]\w+)`/g)].map(
      ([, name]) => name,
    );
    expect(named.filter((name) => !types.has(name as string))).toEqual([]);
    const intents = [
      'SubmissionRequested',
      'ReplacementRequested',
      'CancellationRequested',
      'ForeignOrderAdopted',
      'BrokerOrderUnchanged',
    ];
    const words = catalogue['BrokerOrder']?.events.map(({ type }) => type).filter((type) => !intents.includes(type)) ?? [];
    expect(words.filter((type) => !page.includes(`\`${type}\``))).toEqual([]);
  });
});
