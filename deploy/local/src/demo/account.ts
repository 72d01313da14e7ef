import { Client } from './client.ts';
import { demoAccount, demoAccountKey, demoSubject, type LocalIssuer } from '../gateway/issuer.ts';

/** What the demo account begins with. */
export const demoMoney = '100000.00';

/** Tops the demo account up to its money, so that each day of the demo begins the same. Money comes in by an operator's word. */
export async function topUpDemoAccount(owner: Client, operator: Client): Promise<void> {
  const { cash } = await owner.account(demoAccount);
  const missing = Number(demoMoney) - Number(cash);
  if (missing >= 0.01) await operator.deposit(demoAccount, missing.toFixed(2), `top-up-${crypto.randomUUID()}`);
}

/** Opens the demo account as its owner and pays it in as an operator, both once however often the fleet is started. Returns what it has now. */
export async function fundDemoAccount(owner: Client, operator: Client): Promise<{ id: string; cash: string }> {
  const id = await owner.openAccount(demoAccountKey, 'Demo');
  if (id !== demoAccount) throw new Error(`the demo account became ${id}, not ${demoAccount}`);
  const consistency = await operator.deposit(id, demoMoney, 'demo-money');
  const { cash } = await owner.account(id, consistency);
  return { id, cash };
}

/** A client in the name of its owner. */
export async function demoOwner(address: string, issuer: LocalIssuer): Promise<Client> {
  return new Client(address, await issuer.token({ subject: demoSubject, accounts: [demoAccount], role: 'client' }));
}

/** A client in the name of an operator, who pays in. */
export async function localOperator(address: string, issuer: LocalIssuer): Promise<Client> {
  return new Client(address, await issuer.token({ subject: 'local|operator', accounts: [], role: 'operator' }));
}
