import { createServer, type AddressInfo } from 'node:net';
import { addressOf, awaitServer } from './await-servers.ts';

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe('a server that comes later', () => {
  it('is waited for, and one of several brokers is enough', async () => {
    const port = await freePort();
    const server = createServer();
    const late = setTimeout(() => server.listen(port, '127.0.0.1'), 250);
    const [away, address] = [
      { host: '127.0.0.1', port: await freePort() },
      { host: '127.0.0.1', port },
    ];
    const started = performance.now();
    await awaitServer('Kafka', [away, address], 5000);
    expect(performance.now() - started).toBeGreaterThan(200);
    clearTimeout(late);
    server.close();
  });

  it('is not waited for longer than the limit, and is named', async () => {
    const port = await freePort();
    await expect(awaitServer('PostgreSQL', [{ host: '127.0.0.1', port }], 150)).rejects.toThrow(
      new RegExp(`^PostgreSQL does not accept connections after 150 ms: .*${port}`),
    );
  });
});

it.each([
  ['postgres://owner@db/tradecore', { host: 'db', port: 5432 }],
  ['postgres://owner@[::1]:6432/tradecore', { host: '::1', port: 6432 }],
  ['kafka-0.kafka:9092', { host: 'kafka-0.kafka', port: 9092 }],
])('the address of %s', (text, address) => expect(addressOf(text, 5432)).toEqual(address));
