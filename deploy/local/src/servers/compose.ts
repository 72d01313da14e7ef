import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Refusal, say } from '../runner/console.ts';
import { root } from '../runner/home.ts';

const urls = {
  DATABASE_URL: 'postgres://tradecore:tradecore@127.0.0.1:5432/tradecore',
  KAFKA_BROKERS: '127.0.0.1:9092',
  REDIS_URL: 'redis://127.0.0.1:6379',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
};

/**
 * Starts the servers in containers (`up`), or passes other arguments to Docker Compose: `npm run compose -- down -v`.
 */
export async function compose(args: readonly string[]): Promise<number> {
  const words = args.length > 0 ? args : ['up', '--detach', '--wait'];
  const child = spawn('docker', ['compose', '-f', join(root, 'deploy', 'compose.yaml'), ...words], { stdio: 'inherit' });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', () =>
      reject(new Refusal('Docker is missing: looked for `docker` on the PATH. Install: see docs.docker.com/engine/install.')),
    );
    child.on('exit', (status) => resolve(status ?? 1));
  });
  if (code === 0 && words[0] === 'up') {
    say(
      '\nThe servers are up; Redpanda Console: http://127.0.0.1:8090, Prometheus: http://127.0.0.1:19090, Grafana: http://127.0.0.1:19030, ' +
        'Jaeger: http://127.0.0.1:16686. Run the fleet on them:\n',
    );
    say(
      `  ${Object.entries(urls)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')} npm start\n`,
    );
  }
  return code;
}
