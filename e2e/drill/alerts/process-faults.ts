import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin } from '@tradecore/messaging/testing';
import { fleetOf } from '../../world.ts';
import type { Fault } from './fault.ts';

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** Processes that hang, end, or stand still. */
export const processFaults: readonly Fault[] = [
  {
    fault: 'order-saga finds itself at another log and halts; orders come in',
    alerts: ['ConsumerHalted', 'ConsumerStalled', 'OrdersNotSent'],
    inject: async (fleet) => {
      await fleet.sql(`update order_saga.consumer set log = 'another'`);
      process.kill(fleet.world.pidOf('order-saga'), 'SIGKILL');
      await Promise.all(fleet.accounts.map((account) => fleet.order(account)));
      return async () => {
        await fleet.tradecore('consumers', 'list');
        await fleet.act('order-saga', 'consumers', 'begin-again', 'order-saga', '--since', ago(60));
      };
    },
  },
  {
    fault: 'the relay hangs with events in the outbox',
    alerts: ['RelayWithoutLeader', 'ServiceDown', 'OutboxOld', 'FreshnessBudgetBurn'],
    inject: async (fleet) => {
      fleet.hang('outbox-relay');
      await Promise.all(fleet.accounts.map((account) => fleet.order(account)));
      return async () => {
        await fleet.tradecore('relay', 'status');
        await fleet.kill('outbox-relay');
      };
    },
  },
  {
    fault: 'every process hangs',
    alerts: ['FleetDown'],
    inject: async (fleet) => {
      const names = fleetOf(fleet.world.home).map(({ name }) => name);
      fleet.hang(...names);
      return () => fleet.kill(...names);
    },
  },
  {
    fault: 'query-api hangs',
    alerts: ['ServiceDown'],
    inject: async (fleet) => {
      fleet.hang('query-api');
      return async () => {
        await fleet.tradecore('status');
        await fleet.kill('query-api');
      };
    },
  },
  {
    fault: 'one of two projectors hangs',
    alerts: ['InstanceDown'],
    inject: async (fleet) => {
      fleet.hang('order-projector-2');
      return async () => {
        await fleet.tradecore('status');
        await fleet.kill('order-projector-2');
      };
    },
  },
  {
    fault: "the notifier's positions are deleted while it is away",
    alerts: ['NotifierHalted'],
    inject: async (fleet) => {
      const group = `${fleet.world.namespace}.notifier`;
      fleet.hang('notifier');
      await withAdmin(async (admin) => {
        const isEmpty = async (): Promise<boolean> => (await admin.describeGroups([group])).groups[0]?.state === 'Empty';
        await fleet.world.until('the group to be empty', isEmpty, 90_000);
        await admin.deleteGroups([group]);
      });
      process.kill(fleet.world.pidOf('notifier'), 'SIGKILL');
      return async () => {
        await fleet.tradecore('notices', 'positions');
        await fleet.act('notifier', 'notices', 'begin-again');
      };
    },
  },
  {
    fault: 'the notifier ends again and again',
    alerts: ['InstanceRestarts'],
    inject: async (fleet) => {
      for (let times = 0; times < 4; times += 1) {
        await fleet.kill('notifier');
        await sleep(1500);
      }
      return () => fleet.tradecore('status');
    },
  },
];
