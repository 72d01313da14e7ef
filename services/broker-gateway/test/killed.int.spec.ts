import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { brokerOrderIdFor, type ExecutionReported, type RevisionTerms } from '@tradecore/events';
import { revisionTerms, restingTerms, startProcess, until, World } from './world.ts';

const main = fileURLToPath(new URL('gateway-process.ts', import.meta.url));

type Gateway = ReturnType<typeof startProcess>;

/** Orders of every kind. */
class Load {
  readonly filling: string[] = [];
  readonly canceled: string[] = [];
  readonly replaced: { readonly first: string; readonly second: string }[] = [];
  private readonly resting: RevisionTerms[] = [];

  constructor(private readonly world: World) {}

  /** Cancels or replaces the orders that rested, and sends new ones. */
  async happen(): Promise<void> {
    for (const terms of this.resting.splice(0)) {
      if (this.canceled.length <= this.replaced.length) {
        this.canceled.push(await this.world.cancel(terms));
        continue;
      }
      const second = await this.world.replace(terms, { quantity: '20', limitPrice: '120' });
      this.replaced.push({ first: brokerOrderIdFor(terms.orderId, 1), second });
    }
    for (let n = 0; n < 3; n += 1) this.filling.push(await this.world.submit(revisionTerms()));
    for (let n = 0; n < 2; n += 1) {
      const terms = restingTerms();
      await this.world.submit(terms);
      this.resting.push(terms);
    }
  }
}

describe.each([
  [
    'on',
    'replaced',
    ['before-submit:2', 'after-submit:2', 'after-save:2', 'before-update:2', 'after-cancel:1', 'after-replace:1'],
  ],
  ['off', 'canceled', ['before-save:2', 'after-cancel:1', 'after-cancel:2']],
] as const)('a gateway killed with kill -9 (fills carried over: %s)', (carries, makesRoom, points) => {
  let world: World;
  let load: Load;
  const env = { BROKER_REPLACE_CARRIES_FILLS: String(carries === 'on') };
  /** The process for the next point loads its modules while the current one runs. */
  let next: Gateway | undefined;
  const warmUp = (point: string | undefined): void => {
    next = point === undefined ? undefined : startProcess(main, world.env({ ...env, FAILPOINT: point, LOG_LEVEL: 'error' }));
  };

  beforeAll(async () => {
    world = await World.create({ PAPER_REPLACE_CARRIES_FILLS: carries });
    warmUp(points[0]);
    load = new Load(world);
    await load.happen();
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it.each(points.map((point, index) => [point, points[index + 1]] as const))(
    'dies at %s',
    async (point, following) => {
      const { child, output } = next as Gateway;
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      await until('it is loaded', () => output().startsWith('warm'));
      child.kill('SIGUSR2');
      warmUp(following);
      let isOver = false;
      const loading = (async () => {
        for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 200))) await load.happen();
      })();
      const [code, signal] = await Promise.race([ended, loading.then(() => ['the load ended', null] as const)]);
      isOver = true;
      await loading;
      expect([point, signal, code, output()]).toEqual([point, 'SIGKILL', null, output()]);
    },
    60_000,
  );

  it('loses no order, sends none twice and misses no execution', async () => {
    await world.start(env);
    await load.happen();
    for (const id of load.filling) await world.reaches(id, 'filled', 30_000);
    for (const id of load.canceled) await until(`${id} has ended`, async () => !(await world.brokerOrder(id)).isOpen);
    for (const { first, second } of load.replaced) {
      await world.reaches(second, 'filled', 30_000);
      await world.reaches(first, makesRoom);
    }
    const paper = await world.paper.orders();
    expect(new Set(paper.map(({ client_order_id }) => client_order_id)).size).toBe(paper.length);
    for (const order of paper) {
      const events = await world.events(order.client_order_id);
      const executions = events
        .filter(({ type }) => type === 'ExecutionReported')
        .map(({ data }) => data as ExecutionReported['data']);
      expect(new Set(executions.map(({ executionId }) => executionId)).size).toBe(executions.length);
      expect((await world.brokerOrder(order.client_order_id)).filledQuantity).toBe(order.filled_qty);
      expect(events.filter(({ type }) => type === 'BrokerOrderAccepted')).toHaveLength(1);
    }
    expect(paper.length).toBeGreaterThan(points.length * 5);
  }, 60_000);
});
