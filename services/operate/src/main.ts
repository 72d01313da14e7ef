import { program } from './program.ts';

process.exitCode = await program(process.argv.slice(2), { say: (text) => void process.stdout.write(`${text}\n`) });
