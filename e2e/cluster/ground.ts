import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath } from '@tradecore/local/servers/debian.ts';
import { Refusal } from '@tradecore/local/runner/console.ts';
import { Cluster } from './cluster.ts';
import { output } from './programs.ts';

/** A cluster to play on, and what takes it away again. */
export interface Ground {
  readonly cluster: Cluster;
  close(): Promise<void>;
}

const kindName = 'tradecore-e2e';

/** The cluster that KUBECONFIG names; else one that kind makes, and that goes at the end unless it is kept. */
export async function openGround({ keep }: { keep: boolean }): Promise<Ground> {
  const named = process.env['KUBECONFIG'];
  for (const program of ['kubectl', 'helm', ...(named ? [] : ['kind'])]) {
    if (!onPath(program))
      throw new Refusal(
        `This needs \`${program}\` on the PATH${named ? '' : '; KUBECONFIG names a cluster of yours, without kind'}.`,
      );
  }
  if (named) return { cluster: new Cluster(named), close: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'tradecore-kind-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await output('kind', ['create', 'cluster', '--name', kindName, '--kubeconfig', kubeconfig, '--wait', '180s']);
  const close = async (): Promise<void> => {
    if (keep) return;
    await output('kind', ['delete', 'cluster', '--name', kindName]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { cluster: new Cluster(kubeconfig), close };
}
