import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { ended, output, type Ended } from './programs.ts';

/** A Kubernetes object, as far as it is read here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const ours = 'tradecore.dev/e2e';

/** A cluster, as `kubectl` and `helm` reach it by this file. */
export class Cluster {
  readonly #env: NodeJS.ProcessEnv;

  constructor(kubeconfig: string) {
    this.#env = { ...process.env, KUBECONFIG: kubeconfig };
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return output('kubectl', args, { env: this.#env, ...(input !== undefined && { input }) });
  }

  /** The same, whatever it ends with. */
  kubectlEnded(args: readonly string[], input?: string): Promise<Ended> {
    return ended('kubectl', args, { env: this.#env, ...(input !== undefined && { input }) });
  }

  helm(args: readonly string[]): Promise<string> {
    return output('helm', args, { env: this.#env, withinMs: 1_200_000 });
  }

  /** What `kubectl get` answers. */
  async read<Answer>(...args: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl(['get', ...args, '--output', 'json'])) as Answer;
  }

  async apply(...manifests: readonly Manifest[]): Promise<void> {
    await this.kubectl(['apply', '--filename', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
  }

  /** Makes a namespace in which only pods run that Pod Security calls `restricted`. */
  async makeNamespace(name: string): Promise<void> {
    const security = ['enforce', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']);
    const labels = { [ours]: 'true', ...Object.fromEntries(security) };
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  }

  /** Removes every namespace that was made here, in this run or one before, with all that is in it. */
  async removeNamespaces(): Promise<void> {
    await this.kubectl(['delete', 'namespaces', '--selector', ours, '--timeout', '300s']);
  }

  /** `kubectl port-forward`, begun again whenever it ends, until it is closed. */
  forward(namespace: string, target: string, ports: readonly string[]): { close: () => void } {
    let child: ChildProcess | undefined;
    let isWanted = true;
    const begin = (): void => {
      if (!isWanted) return;
      child = spawn('kubectl', ['--namespace', namespace, 'port-forward', target, ...ports], { env: this.#env, stdio: 'ignore' });
      child.once('exit', () => setTimeout(begin, 200));
    };
    begin();
    return {
      close: () => {
        isWanted = false;
        child?.kill('SIGKILL');
      },
    };
  }
}

/** Asks every half second until the answer is true; an error counts as no. Throws with `what` after `withinMs`. */
export async function until(what: string, withinMs: number, answer: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  while (!(await answer().catch((error: unknown) => void (last = error)))) {
    if (Date.now() > deadline) throw new Error(`Waited ${withinMs / 1000} s for ${what}`, { cause: last });
    await pause(500);
  }
}
