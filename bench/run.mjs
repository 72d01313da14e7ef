// `npm run bench -- append` builds the packages and runs bench/append.bench.ts; without a name it says which there are.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [name, ...parameters] = process.argv.slice(2);
const names = readdirSync(new URL('.', import.meta.url)).flatMap((file) => /^([a-z-]+)\.bench\.ts$/.exec(file)?.[1] ?? []);
if (!names.includes(name)) {
  process.stderr.write(
    `usage: npm run bench -- <${names.join('|')}> [parameters]; DATABASE_URL, KAFKA_BROKERS and REDIS_URL name the servers\n`,
  );
  process.exit(2);
}
const root = fileURLToPath(new URL('..', import.meta.url));
const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
run('npx', ['nx', 'run-many', '-t', 'build', '--outputStyle=static']);
run('npx', ['node', `bench/${name}.bench.ts`, ...parameters]);
