import { Refusal } from './console.ts';

type Command = (args: readonly string[]) => Promise<number>;

/** The commands behind the npm scripts. Each is loaded when it is asked for, because some need what others install. */
const commands: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./start.ts')).start,
  test: async () => (await import('./test.ts')).test,
  check: async () => (await import('./test.ts')).check,
  reset: async () => (await import('./reset.ts')).reset,
  compose: async () => (await import('./compose.ts')).compose,
  token: async () => (await import('./token.ts')).token,
  demo: async () => (await import('./demo.ts')).demo,
  simulate: async () => (await import('./proof.ts')).simulation,
  soak: async () => (await import('./proof.ts')).soaking,
};

/** What the reader can mend needs no stack; parseArgs has errors of its own. */
const isForReader = (error: unknown): error is Error =>
  error instanceof Refusal ||
  error instanceof RangeError ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'));

const [name = '', ...args] = process.argv.slice(2);
try {
  const command = commands[name];
  if (!command) throw new Refusal(`No command "${name}". There are: ${Object.keys(commands).join(', ')}.`);
  process.exit(await (await command())(args));
} catch (error) {
  console.error(isForReader(error) ? `\n${error.message}\n` : error);
  process.exit(1);
}
