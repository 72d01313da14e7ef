import { Refusal } from './console.ts';

/** A command behind an npm script: takes the arguments after its name and returns the exit code. */
export type Command = (args: readonly string[]) => Promise<number>;

/** Each is loaded when it runs, because some need packages that others install or build. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** Runs the command that the command line names, and ends the process with its exit code. */
export async function runCommand(commands: Commands): Promise<never> {
  const [name = '', ...args] = process.argv.slice(2);
  try {
    const command = commands[name];
    if (!command) throw new Refusal(`No command "${name}". There are: ${Object.keys(commands).join(', ')}.`);
    process.exit(await (await command())(args));
  } catch (error) {
    console.error(isForReader(error) ? `\n${error.message}\n` : error);
    process.exit(1);
  }
}

/** An error that the user can fix needs no stack; parseArgs has its own errors. */
const isForReader = (error: unknown): error is Error =>
  error instanceof Refusal ||
  error instanceof RangeError ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'));
