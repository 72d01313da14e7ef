import { startCollector, type Collector } from '@tradecore/telemetry/testing';
import { demoAccount } from '@tradecore/local/runner/issuer.ts';
import { quickChecks } from './comparison/findings.ts';
import { watching } from './suites/boards.ts';
import { npmStart, npmStop } from './suites/npm-start.ts';
import { operate } from './suites/operate.ts';
import { oneOrder } from './suites/one-order.ts';
import { oneTrace } from './suites/one-trace.ts';
import type { Stage } from './suites/stage.ts';
import { manyOrders, npmRunDemo } from './suites/trading.ts';
import { startWorldWith } from './world.ts';

/**
 * One fleet for every suite that kills nothing: a start takes as long as most of them. Their order matters: first the
 * demo account is fresh, last the fleet is stopped.
 */
const stage = {} as Stage;
let collector: Collector;

beforeAll(async () => {
  collector = await startCollector();
  // Only requests traced by a client: the thousand orders would be millions of spans.
  const tracing = { ...collector.env, OTEL_TRACES_SAMPLER: 'parentbased_always_off', ...quickChecks };
  const world = await startWorldWith(tracing, '--watch', '--scale', 'order-projector=2');
  const owners = [{ client: await world.person('demo'), accounts: [demoAccount] }];
  Object.assign(stage, { world, collector, owners });
}, 180_000);
afterAll(async () => {
  await (stage as Partial<Stage>).world?.end();
  collector.close();
}, 90_000);

describe('npm start', () => npmStart(stage));
describe('one trace', () => oneTrace(stage));
describe('one order', () => oneOrder(stage));
describe('npm run demo', () => npmRunDemo(stage));
describe('1,000 orders on 20 accounts at a faulty brokerage', () => manyOrders(stage));
describe('the boards', () => watching(stage));
describe('npx tradecore', () => operate(stage));
describe('Ctrl-C', () => npmStop(stage));
