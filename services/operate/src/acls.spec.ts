import { readFileSync } from 'node:fs';
import { topics } from '@tradecore/events';
import { program } from './program.ts';

async function acls(...args: string[]): Promise<string[]> {
  const said: string[] = [];
  const code = await program(['acls', ...args], { say: (text) => said.push(text) });
  return code === 0 ? said : [`${code}: ${said.join()}`];
}

type Entry = Record<'principal' | 'resource' | 'name' | 'operations', string>;
const entries = async (...args: string[]): Promise<Entry[]> => JSON.parse((await acls('--json', ...args)).join('')) as Entry[];

describe('tradecore acls', () => {
  it('prints commands for Kafka and for Redpanda, with the names that the fleet has there', async () => {
    const ofNotifier = (lines: readonly string[]) =>
      lines.filter((line) => line.includes('notifier') && line.includes('transactional'));
    expect(ofNotifier(await acls('--namespace', 'blue', '--principal', 'User:blue_{service}'))[0]).toBe(
      `kafka-acls --bootstrap-server "$BROKERS" --command-config "$CONFIG" --add --allow-principal 'User:blue_notifier' --operation Write --transactional-id 'blue.notifier.' --resource-pattern-type prefixed`,
    );
    expect(await acls('--rpk')).toContain(
      `rpk security acl create --allow-principal 'User:order-saga' --operation idempotent_write --cluster`,
    );
  });

  it('prints nothing twice for one login of the whole fleet', async () => {
    const lines = await acls('--principal', 'User:fleet');
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.every((line) => line.includes("'User:fleet'"))).toBe(true);
  });

  it.each([
    ['--namespace', "blue'; rm", 'a letter first'],
    ['--principal', "User:'x", 'a kind and a name'],
  ])('refuses %s %s', async (option, text, why) =>
    expect((await acls(option, text)).join()).toMatch(new RegExp(`^64: .*${why}`)),
  );

  it('lets each service read the topics of its row in docs/services.md, and the relay alone write stored events', async () => {
    const page = readFileSync(new URL('../../../docs/services.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| \[([a-z-]+)\]\([^)]+\) \| [^|]* \| ([^|]*) \|/gm)];
    expect(rows.length).toBeGreaterThan(10);
    const all = await entries();
    const may = (service: string, operation: string) =>
      all
        .filter(({ principal, resource }) => principal === `User:${service}` && resource === 'topic')
        .filter(({ operations }) => operations.split(',').includes(operation))
        .map(({ name }) => name);
    for (const [, service = '', consumes = ''] of rows) {
      const named = [...consumes.matchAll(/`([a-z.-]+)`/g)].map(([, name]) => name);
      const lacking = named.filter((name) => name !== 'event_outbox' && !may(service, 'Read').includes(name ?? ''));
      expect([service, lacking]).toEqual([service, []]);
    }
    const stored = Object.values(topics)
      .filter(({ writer }) => writer === 'relay')
      .map(({ name }) => name as string);
    expect(may('outbox-relay', 'Write').toSorted()).toEqual(stored.toSorted());
    const writers = all.filter(({ name, operations }) => stored.includes(name) && operations.includes('Write'));
    expect(new Set(writers.map(({ principal }) => principal))).toEqual(new Set(['User:outbox-relay']));
  });
});
