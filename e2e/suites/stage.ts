import type { Collector } from '@tradecore/telemetry/testing';
import type { Client } from '@tradecore/local/demo/client.ts';
import type { Owner } from '../comparison/witnesses.ts';
import type { World } from '../world.ts';

/** State shared by the suites of one fleet. */
export interface Stage {
  readonly world: World;
  readonly collector: Collector;
  /** Everyone who has an account in this world. */
  readonly owners: Owner[];
}

/** A person with an account holding this money. */
export async function newTrader(
  { world, owners }: Stage,
  name: string,
  money: string,
): Promise<{ client: Client; account: string }> {
  const client = await world.person(name);
  const account = await client.openAccount('first', name);
  await (await world.operator()).deposit(account, money, 'first');
  owners.push({ client, accounts: [account] });
  return { client, account };
}
