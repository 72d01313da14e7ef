import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say, seconds } from '@tradecore/local/runner/console.ts';
import type { Cluster } from './cluster.ts';
import { bringImage, buildImage, imageCommands, versionOf, type ImageCommands } from './images.ts';
import { prometheusImage } from './prometheus-pod.ts';
import { chart, Release } from './release.ts';
import { asSecondBuild, chartCopy, second } from './second-build.ts';
import { SidePod } from './side-pod.ts';

/** What a run was asked for. */
export interface Wanted {
  /** Files of values beside those of a scene: say, another broker. */
  readonly values: readonly string[];
  /** The images are in the cluster already. */
  readonly isBuilt: boolean;
  /** Nothing of a run before is used. */
  readonly isAnew: boolean;
}

/** What scenes play on: a cluster, images, and one release that lives from scene to scene. */
export class Stage {
  readonly cluster: Cluster;
  readonly values: readonly string[];
  readonly release: Release;
  readonly #wanted: Wanted;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tradecore-e2e-'));
  #commands: ImageCommands | undefined;
  #side: SidePod | undefined;
  #second: string | undefined;

  constructor(cluster: Cluster, wanted: Wanted) {
    this.cluster = cluster;
    this.values = wanted.values;
    this.#wanted = wanted;
    this.release = new Release(cluster, { namespace: 'tradecore-e2e', values: wanted.values });
  }

  /** Removes what a run before has left, unless it is to be used; brings the image of this tree. */
  async open(): Promise<void> {
    if (this.#wanted.isAnew) await this.cluster.removeNamespaces();
    await this.#image(versionOf(chart), () => undefined);
  }

  /** The release, with every pod ready; installed where it is not. */
  async installed(): Promise<Release> {
    if (!(await this.release.isInstalled())) await this.release.install();
    await this.release.settled();
    return this.release;
  }

  /** The pod beside it; `anew` where the release runs another image now. */
  async side({ anew = false } = {}): Promise<SidePod> {
    if (anew) await this.leaveSide();
    return (this.#side ??= await SidePod.beside(await this.installed()));
  }

  /** Lets go of the pod, which goes with the namespace. */
  async leaveSide(): Promise<void> {
    await this.#side?.close();
    this.#side = undefined;
  }

  /** Uninstalls the release, for scenes that need the room. */
  async leaveRelease(): Promise<void> {
    await this.leaveSide();
    if (await this.release.isInstalled()) await this.release.uninstall();
  }

  /** The chart of the next release; its image is built once. */
  async secondChart(): Promise<string> {
    if (this.#second === undefined) {
      await this.#image(second.version, asSecondBuild);
      this.#second = chartCopy(chart, this.#folder, { version: second.version, image: second.version });
    }
    return this.#second;
  }

  /** This chart under another version: its image is the same. */
  patchedChart(): string {
    return chartCopy(chart, this.#folder, { version: '0.0.1-patch' });
  }

  /** Prometheus's image is made of Debian's package: it is on no registry that every cluster reaches. */
  async bringPrometheus(): Promise<void> {
    const folder = fileURLToPath(new URL('./prometheus', import.meta.url));
    await this.#brought(prometheusImage, (commands) => bringImage(commands, prometheusImage, folder));
  }

  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.leaveSide();
    if (!keep) await this.cluster.removeNamespaces();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #image(version: string, change: (folder: string) => void): Promise<void> {
    const name = `tradecore:${version}`;
    return this.#brought(name, (commands) => buildImage(commands, name, change));
  }

  async #brought(name: string, bring: (commands: ImageCommands) => Promise<void>): Promise<void> {
    if (this.#wanted.isBuilt) return;
    const began = Date.now();
    await bring((this.#commands ??= await imageCommands(this.cluster)));
    say(`  image ${name} in ${seconds(Date.now() - began)}`);
  }
}
