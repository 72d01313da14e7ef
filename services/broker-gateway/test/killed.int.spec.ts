import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { brokerOrderIdFor, type ExecutionReported, type RevisionTerms } from '@tradecore/events';
import { revisionTerms, restingTerms, startProcess, until, World } from './world.ts';

const main = fileURLToPath(new URL('gateway-process.ts', import.meta.url));

const points = [
  ...['before-submit:2', 'after-submit:2', 'after-settle:2', 'before-update:2'],
  ...['after-cancel:1', 'after-replace:1'],
];

describe('a gateway that is killed with kill -9', () => {
  let world: World;
  afterEach(() => world.close(), 30_000);

  it('loses no order, sends none twice and misses no execution, wherever it dies', async () => {
    world = await World.create();
    const filling: string[] = [];
    const canceled: string[] = [];
    const replaced: { first: string; second: string }[] = [];
    const wait: RevisionTerms[] = [];

    /** Orders of every kind; those that rested last time are cancelled or replaced now. */
    const happen = async () => {
      for (const terms of wait.splice(0)) {
        const first = brokerOrderIdFor(terms.orderId, 1);
        if (wait.length % 2 === 0 && canceled.length <= replaced.length) {
          await world.ask(first, (revision) => revision.cancel());
          canceled.push(first);
          continue;
        }
        const second = brokerOrderIdFor(terms.orderId, 2);
        const next = { ...terms, revision: 2, quantity: '20', limitPrice: '120', replaces: first };
        await world.ask(second, (revision) => revision.replace(next));
        replaced.push({ first, second });
      }
      for (let n = 0; n < 3; n += 1) filling.push(await world.submit(revisionTerms()));
      for (let n = 0; n < 2; n += 1) {
        const terms = restingTerms();
        await world.submit(terms);
        wait.push(terms);
      }
    };

    for (const point of points) {
      const { child, output } = startProcess(main, world.env({ FAILPOINT: point, LOG_LEVEL: 'error' }));
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      let isOver = false;
      const load = (async () => {
        for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 300))) await happen();
      })();
      const [code, signal] = await Promise.race([ended, load.then(() => ['the load ended', null] as const)]);
      isOver = true;
      await load;
      expect([point, signal, code, output()]).toEqual([point, 'SIGKILL', null, output()]);
    }
    await world.start();
    await happen();
    for (const id of filling) await world.reaches(id, 'filled', 30_000);
    for (const id of canceled) await until(`${id} has ended`, async () => !(await world.revision(id)).isOpen);
    for (const { first, second } of replaced) {
      await world.reaches(second, 'filled', 30_000);
      await world.reaches(first, 'replaced');
    }
    const paper = await world.paper.orders();
    expect(new Set(paper.map(({ client_order_id }) => client_order_id)).size).toBe(paper.length);
    for (const order of paper) {
      const events = await world.events(order.client_order_id);
      const executions = events
        .filter(({ type }) => type === 'ExecutionReported')
        .map(({ data }) => data as ExecutionReported['data']);
      expect(new Set(executions.map(({ executionId }) => executionId)).size).toBe(executions.length);
      expect((await world.revision(order.client_order_id)).filledQuantity).toBe(order.filled_qty);
      expect(events.filter(({ type }) => type === 'BrokerOrderAccepted')).toHaveLength(1);
    }
    expect(paper.length).toBeGreaterThan(points.length * 5);
  }, 180_000);
});
