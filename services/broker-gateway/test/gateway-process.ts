/**
 * The gateway in its own process, which can be killed at an exact line. With FAILPOINT=<point>:<nth> it sends itself
 * SIGKILL when it reaches the point for the nth time; the points wrap its classes from outside, so the service has no
 * test code. SIGUSR2 starts it once all modules are loaded (`warm`): that is most of the start time, and can overlap
 * with the process before it.
 */
import { runService } from '@tradecore/service';
import { AlpacaHttp, type HttpCall } from '../src/alpaca/http.ts';
import { brokerGateway } from '../src/broker-gateway.module.ts';
import { BrokerOrderOwner } from '../src/broker-order-owner.ts';
import { BrokerOrderStore } from '../src/broker-order-store.ts';
import { BrokerOrders } from '../src/broker-orders.ts';

const [point = '', nth = '1'] = (process.env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies here if the point is due. */
function reached(name: string): void {
  if (name === point && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;
function around(target: object, method: string, name: (...args: never[]) => string): void {
  const original = Reflect.get(target, method) as Method;
  Reflect.set(target, method, async function (this: unknown, ...args: unknown[]) {
    reached(`before-${name(...(args as never[]))}`);
    const result = await original.apply(this, args);
    reached(`after-${name(...(args as never[]))}`);
    return result;
  });
}

around(AlpacaHttp.prototype, 'ask', ({ call }: HttpCall) => call);
around(BrokerOrderStore.prototype, 'save', () => 'save');
around(BrokerOrderOwner.prototype, 'begin', () => 'begin');
around(BrokerOrders.prototype, 'hear', () => 'update');

const begun = new Promise((resolve) => process.once('SIGUSR2', resolve));
const alive = setInterval(() => undefined, 1_000);
process.stdout.write('warm\n');
await begun;
clearInterval(alive);
await runService(brokerGateway);
