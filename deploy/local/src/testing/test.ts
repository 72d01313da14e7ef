import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Refusal, say, seconds } from '../runner/console.ts';
import { checkFloors } from './floors.ts';
import { home, root } from '../runner/home.ts';
import { withTestServers } from './test-servers.ts';

/** The result of one part of the suite. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Details needed to fix a failure. */
  readonly findings?: string;
}

interface Part {
  readonly name: string;
  readonly run: () => Promise<Outcome>;
}

const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const cache = (name: string) => join(root, 'node_modules', '.cache', name);

const format: Part = {
  name: 'format',
  run: () => gently('prettier', ['--check', '.', '--cache', '--cache-location', cache('prettier-check'), '--log-level', 'warn']),
};
const lint: Part = {
  name: 'lint',
  run: () => gently('eslint', ['.', '--cache', '--cache-location', cache('eslint'), '--max-warnings', '0']),
};
const types: Part = { name: 'types', run: () => gently('tsc', ['-p', 'tsconfig.json', '--pretty', 'false']) };
const floors: Part = { name: 'floors', run: async () => verdict(checkFloors(root)) };
const building: Part = { name: 'build', run: () => tool('nx', ['run-many', '-t', 'build', '--outputStyle=static']) };
/** Every core: by default Jest leaves one idle, and of two that is half of the machine. */
const workers = `--maxWorkers=${availableParallelism()}`;
/** Tests on servers wait for them: with a file for each core, two cores were idle for a third of the time. */
const waitingWorkers = `--maxWorkers=${Math.ceil(availableParallelism() * 1.5)}`;
/** The tests of a kind; only in files whose paths match, if any are given. */
const unit = (paths: readonly string[] = []): Part => ({ name: 'unit', run: () => jest('spec', [workers, ...paths]) });
const onServers = (paths: readonly string[] = []): readonly Part[] => [
  { name: 'integration', run: () => jest('int', [waitingWorkers, ...paths]) },
  // One fleet at a time: on two cores two of them took 355 s in parallel, and 311 s in sequence.
  { name: 'end to end', run: () => jest('e2e', ['--maxWorkers=1', ...paths]) },
];

/** They prove the same at any speed, so beside the tests they take what these leave of the machine: a fifth of two cores. */
const tools: readonly Part[] = [types, lint, format, floors];

/**
 * Everything: starts the servers during the build, runs every part, the tools beside the tests, ends with `N passed, N
 * failed`; with paths, only the tests in matching files. Returns the exit code.
 */
export async function test(paths: readonly string[]): Promise<number> {
  const early = play([building]);
  const beside = paths.length > 0 ? [] : play(tools);
  const outcomes = await withTestServers(async () => [
    ...(await early),
    ...(await play([unit(paths), ...onServers(paths)])),
    ...(await beside),
  ]);
  const found = outcomes.reduce((sum, { passed, failed }) => sum + passed + failed, 0);
  if (paths.length > 0 && found <= 1) throw new Refusal(`No file of tests matches ${paths.join(' or ')}.`);
  return summary(outcomes);
}

/** The quick part, without servers. Returns the exit code. */
export async function check(): Promise<number> {
  const lanes = [[types], [building, format, lint, floors]];
  return summary([...(await Promise.all(lanes.map(play))).flat(), ...(await play([unit()]))]);
}

async function play(parts: readonly Part[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of parts) {
    const started = performance.now();
    const outcome = await run().catch((error: unknown) => verdict([String(error)]));
    outcomes.push(outcome);
    const counts = outcome.failed === 0 ? `${outcome.passed} passed` : `${outcome.passed} passed, ${outcome.failed} FAILED`;
    say(`${name.padEnd(14)} ${seconds(performance.now() - started).padStart(10)}   ${counts}`);
    if (outcome.failed > 0) say(`\n${outcome.findings ?? ''}\n`);
  }
  return outcomes;
}

function summary(outcomes: readonly Outcome[]): number {
  const { line, exitCode } = closing(outcomes);
  say(`\n${line}`);
  return exitCode;
}

/** The last line of a run, exactly `N passed, N failed`, and its exit code. */
export function closing(outcomes: readonly Outcome[]): { readonly line: string; readonly exitCode: number } {
  const sum = (of: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[of], 0);
  return { line: `${sum('passed')} passed, ${sum('failed')} failed`, exitCode: sum('failed') === 0 ? 0 : 1 };
}

const verdict = (faults: readonly string[]): Outcome =>
  faults.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, findings: faults.join('\n') };

/** A tool that only passes or fails counts as one check. */
const tool = (name: string, args: readonly string[]): Promise<Outcome> => passing(bin(name), args);

/** A tool that takes only the CPU that nobody else wants. */
const gently = (name: string, args: readonly string[]): Promise<Outcome> => passing('nice', ['-n', '19', bin(name), ...args]);

async function passing(program: string, args: readonly string[]): Promise<Outcome> {
  const { code, output } = await run(program, args, {});
  return verdict(code === 0 ? [] : [`${program} ${args.join(' ')} ended with ${code}`, output]);
}

/** The fields of Jest's JSON report that we read. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly { readonly status: string; readonly name: string; readonly message: string }[];
}

/** Runs the tests of one kind. A suite that can't load counts as a failure, and so does a crash of Jest. */
async function jest(kind: 'spec' | 'int' | 'e2e', args: readonly string[]): Promise<Outcome> {
  mkdirSync(home.run, { recursive: true });
  const report = join(home.run, `test-${kind}.json`);
  rmSync(report, { force: true });
  const log = join(home.run, `test-${kind}.log`);
  const NODE_OPTIONS = `--experimental-vm-modules --disable-warning=ExperimentalWarning ${process.env['NODE_OPTIONS'] ?? ''}`;
  const parameters = ['--selectProjects', kind, '--ci', '--json', '--outputFile', report, '--passWithNoTests', ...args];
  const { code } = await run(bin('jest'), parameters, { NODE_OPTIONS }, log);
  if (!existsSync(report)) return verdict([`Jest ended with ${code} and without a report: see ${log}`]);
  const found = JSON.parse(readFileSync(report, 'utf8')) as JestReport;
  if (found.numPendingTests > 0) say(`  ${found.numPendingTests} ${kind} tests did not run: see ${log}`);
  const { passed, failed, findings } = outcomeOf(found, code);
  return { passed, failed, findings: `${findings}\n\nThe whole log: ${log}` };
}

/** The result of Jest's report and exit code: a non-zero exit code without a failed test is a failure as well. */
export function outcomeOf(report: JestReport, code: number | null): Outcome {
  const failures = report.testResults.filter(({ status }) => status === 'failed');
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const died = code !== 0 && failed === 0 ? 1 : 0;
  const findings = failures.map(({ name, message }) => `${name}\n${message}`).join('\n\n');
  return { passed: report.numPassedTests, failed: failed + died, findings };
}

/** Runs a program to its end. Its output goes to the log, or is returned. */
function run(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  log?: string,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  const file = log === undefined ? undefined : createWriteStream(log);
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (file ? file.write(chunk) : chunks.push(chunk)));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      file?.end();
      resolve({ code, output: Buffer.concat(chunks).toString() });
    });
  });
}
