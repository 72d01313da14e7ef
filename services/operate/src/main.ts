import { program } from './program.ts';
import { terminal } from './shell.ts';

const ask = terminal();
process.exitCode = await program(process.argv.slice(2), {
  say: (text) => void process.stdout.write(`${text}\n`),
  ...(ask && { ask }),
});
