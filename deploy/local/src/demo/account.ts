import pg from 'pg';
import { Client } from './client.ts';
import { demoAccount, demoAccountKey, demoPerson, demoSubject, type LocalIssuer } from '../runner/issuer.ts';

/** The demo account's initial money. */
export const demoMoney = '100000.00';

/** Tops the demo account up, so that each demo day begins with the same money. Only an operator can deposit. */
export async function topUpDemoAccount(owner: Client, operator: Client): Promise<void> {
  const { cash } = await owner.account(demoAccount);
  const missing = Number(demoMoney) - Number(cash);
  if (missing >= 0.01) await operator.deposit(demoAccount, missing.toFixed(2), `top-up-${crypto.randomUUID()}`);
}

/** Sets the person of the demo account's owner before the fleet does: the account's id derives from the person. */
export async function introduceDemoPerson(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('insert into people (person, subject) values ($1, $2) on conflict do nothing', [demoPerson, demoSubject]);
  } finally {
    await client.end();
  }
}

/**
 * Opens the demo account as its owner and funds it as an operator, both once however often the fleet is started.
 * Returns its current cash.
 */
export async function fundDemoAccount(owner: Client, operator: Client): Promise<{ id: string; cash: string }> {
  const id = await owner.openAccount(demoAccountKey, 'Demo');
  if (id !== demoAccount) throw new Error(`the demo account became ${id}, not ${demoAccount}`);
  const consistency = await operator.deposit(id, demoMoney, 'demo-money');
  const { cash } = await owner.account(id, consistency);
  return { id, cash };
}

/** A client with its owner's token. */
export async function demoOwner(address: string, issuer: LocalIssuer): Promise<Client> {
  return new Client(address, await issuer.token({ subject: demoSubject, accounts: [demoAccount], role: 'client' }));
}

/** A client with an operator's token, for deposits. */
export async function localOperator(address: string, issuer: LocalIssuer): Promise<Client> {
  return new Client(address, await issuer.token({ subject: 'local|operator', accounts: [], role: 'operator' }));
}
