// One order from the door to the read model, at the paper broker: node trade.mjs WRITES READS, with TOKEN, or with the settings of the
// bundled issuer, in the environment.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';

const [writes, reads] = process.argv.slice(-2);
const printed = () =>
  execFileSync(process.execPath, ['services/token-issuer/dist/token.js', '--subject', 'helm-test', '--role', 'treasury']);
const token = process.env.TOKEN ?? String(printed()).trim();

async function ask(method, url, { body, ...headers } = {}) {
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return { ...JSON.parse(text), token: answer.headers.get('consistency-token') };
}

const account = await ask('POST', `${writes}/v1/accounts`, { body: { name: 'helm test' }, 'idempotency-key': 'helm-test' });
await ask('POST', `${writes}/v1/accounts/${account.id}/deposits`, {
  body: { amount: '1000.00' },
  'idempotency-key': randomUUID(),
});
const terms = { accountId: account.id, clientOrderId: randomUUID(), symbol: 'ACME', side: 'buy', quantity: '1' };
const placed = await ask('POST', `${writes}/v1/orders`, {
  body: { ...terms, type: 'market', timeInForce: 'day' },
  prefer: 'wait=10',
});
console.log(`placed: ${placed.id} ${placed.status}`);
const seen = await ask('GET', `${reads}/v1/orders/${placed.id}`, { 'consistency-token': placed.token });
console.log(`seen: ${seen.status} at ${seen.averagePrice}`);
if (seen.status !== 'filled') throw new Error(`the order is ${seen.status}, not filled`);
