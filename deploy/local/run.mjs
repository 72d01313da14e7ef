/**
 * The entry point of the npm scripts: plain JavaScript for any Node from 20 on, with nothing installed. It checks the
 * prerequisites, installs the lockfile's dependencies if others are installed, and starts `src/main.ts` on the pinned
 * Node 24, or the program that the script names: `node deploy/local/run.mjs --program=e2e/main.ts soak`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants as fileModes, existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const named = process.argv[2]?.startsWith('--program=') ? process.argv[2].slice('--program='.length) : undefined;
const program = named ?? 'deploy/local/src/main.ts';
const [command = 'start', ...args] = process.argv.slice(named === undefined ? 2 : 3);

const missing = prerequisites();
if (missing.length > 0) fail(['Something that TradeCore needs is missing:', '', ...missing]);
installDependencies();
handOver();

/** Missing prerequisites, as lines of text. */
function prerequisites() {
  const found = [];
  const node = process.versions.node;
  if (Number(node.split('.')[0]) < 20) {
    found.push(`  Node >= 20: found ${node} at ${process.execPath}.`, '    Install: see nodejs.org, or `nvm install 24`.');
  }
  if (!isOnPath('npm') && !process.env.npm_execpath) {
    found.push(...absent('npm', 'npm', 'it comes with Node; on Debian: ' + install('npm')));
  }
  const startsServers = program === 'bench/main.ts' || ['start', 'test', 'soak', 'drill'].includes(command);
  const startsBroker = startsServers && !process.env.KAFKA_BROKERS;
  if (!startsBroker) return found;
  const java = javaVersion();
  if (java === undefined || java < 17) {
    const what = java === undefined ? 'Java >= 17 (runs the broker)' : `Java >= 17 (runs the broker; found version ${java})`;
    found.push(...absent(what, 'java', install('openjdk-17-jre-headless', 'openjdk@17')));
  }
  const home = process.env.TRADECORE_HOME || join(root, '.local');
  const jars = [join(home, 'kafka', 'libs'), join(root, '.local', 'kafka', 'libs')];
  if (!jars.some((folder) => existsSync(join(folder, '.complete'))) && !isOnPath('mvn')) {
    found.push(...absent("Maven (fetches the broker's jars once)", 'mvn', install('maven')));
  }
  return found;
}

function absent(what, program, how) {
  return [
    `  ${what}: looked for \`${program}\` in ${process.env.PATH || 'an empty PATH'}${program === 'java' ? ' and in JAVA_HOME' : ''}.`,
    `    Install: ${how}`,
  ];
}

function install(debian, brew = debian) {
  if (process.platform === 'darwin') return `brew install ${brew}`;
  return `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install -y ${debian}`;
}

/** Looks for a program without running it: npm and Maven take half a second to print their version. */
function isOnPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && isExecutable(join(folder, name)));
}

function isExecutable(file) {
  try {
    accessSync(file, fileModes.X_OK);
    return true;
  } catch {
    return false;
  }
}

function javaVersion() {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
  const { status, stderr, stdout } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return Number(/version "(?:1\.)?(\d+)/.exec(`${stderr}${stdout}`)?.[1] ?? 0);
}

/** Runs npm: the one that started this process, else the one on the PATH. True if it succeeded. */
function npm(parameters, options = { stdio: 'ignore' }) {
  const script = process.env.npm_execpath;
  const [program, ...first] = script?.endsWith('.js') ? [process.execPath, script] : ['npm'];
  return spawnSync(program, [...first, ...parameters], { cwd: root, ...options }).status === 0;
}

/** npm's own record of installed packages says whether `npm ci` is due: a manual `npm install` counts as well. */
function installDependencies() {
  if (isInstalled()) return;
  const started = Date.now();
  console.log('Installing the dependencies of package-lock.json ...');
  const quiet = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!npm(['ci', ...quiet], { stdio: ['ignore', 'inherit', 'inherit'] })) {
    fail(['`npm ci` failed: see its words above. It needs the npm registry, or a filled npm cache.']);
  }
  console.log(`Dependencies installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record) || !existsSync(pinnedNode())) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(
    ([path, { version, link, optional, devOptional, peer }]) =>
      !path.includes('node_modules/') || link || optional || devOptional || peer || installed[path]?.version === version,
  );
}

function pinnedNode() {
  return join(root, 'node_modules', 'node', 'bin', 'node');
}

/** The rest is TypeScript on the pinned Node. Ctrl-C reaches it through this process, which waits for its clean-up. */
function handOver() {
  const flags = ['--disable-warning=ExperimentalWarning', '--enable-source-maps'];
  const child = spawn(pinnedNode(), [...flags, join(root, program), command, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` },
  });
  stopWithNpm(() => child.kill('SIGTERM'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** If a signal ends npm alone, this process is not told, and nothing could stop it any more: so everything stops. */
function stopWithNpm(stop) {
  if (!process.env.npm_lifecycle_event) return;
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    stop();
  }, 500).unref();
}

function fail(lines) {
  console.error(['', ...lines, ''].join('\n'));
  process.exit(1);
}
