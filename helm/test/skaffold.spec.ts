import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { componentOf, helm, manifests, ofKind, podOf } from './render.ts';

interface Artifact {
  readonly image: string;
  readonly docker: { readonly dockerfile: string; readonly buildArgs?: { readonly SERVICE: string } };
  readonly sync?: { readonly manual: readonly { readonly src: string; readonly dest: string }[] };
}
interface Release {
  readonly chartPath: string;
  readonly valuesFiles: readonly string[];
  readonly setValueTemplates: Readonly<Record<string, string>>;
  readonly setValues?: Readonly<Record<string, string | boolean>>;
}
interface Deploy {
  readonly helm: { readonly releases: readonly Release[] };
}
interface Skaffold {
  readonly build: { readonly artifacts: readonly Artifact[] };
  readonly deploy: Deploy;
  readonly portForward: readonly { readonly resourceName: string }[];
  readonly profiles: readonly { readonly name: string; readonly build?: Skaffold['build']; readonly deploy: Deploy }[];
}

const root = join(import.meta.dirname, '../..');
const skaffold = parse(readFileSync(join(root, 'skaffold.yaml'), 'utf8'), { merge: true }) as Skaffold;
const images = skaffold.profiles.find(({ name }) => name === 'images')!.build!.artifacts;
const deploys = [skaffold.deploy, ...skaffold.profiles.map(({ deploy }) => deploy)];
const releases = deploys.flatMap(({ helm }) => helm.releases);

describe('skaffold.yaml', () => {
  it('has the shape that Skaffold takes', () => {
    const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'skaffold.schema.json'), 'utf8')) as object;
    const ajv = new Ajv({ allErrors: true });
    ajv.validate(schema, skaffold);
    expect(ajv.errors).toBeNull();
  });

  it('copies into the pods of the profile dev whatever runs in them, in the image that runs sources', () => {
    const [artifact] = skaffold.profiles.find(({ name }) => name === 'dev')!.build!.artifacts;
    const synced = artifact!.sync!.manual.flatMap(({ src }) => globSync(src, { cwd: root }));
    const sources = globSync('{libs,services}/*/src/**/*.ts', { cwd: root });
    expect(sources.length).toBeGreaterThan(300);
    expect(synced.toSorted()).toEqual(sources.toSorted());
    expect(artifact!.sync!.manual.map(({ dest }) => dest)).toEqual(['/app', '/app']);
    expect(readFileSync(join(root, artifact!.docker.dockerfile), 'utf8')).toContain('WORKDIR /app\nUSER 10001:10001\n');
  });

  it('has the profiles that the docs name, each with the image that it built', () => {
    expect(skaffold.profiles.map(({ name }) => name)).toEqual(['dev', 'ha', 'debug', 'images']);
    for (const { setValueTemplates } of releases)
      expect(Object.keys(setValueTemplates)).toEqual(expect.arrayContaining(['image.repository', 'image.tag', 'image.digest']));
  });

  it('names existing files, but for the one that its user writes', () => {
    const built = [skaffold, ...skaffold.profiles].flatMap(({ build }) => build?.artifacts ?? []);
    const dockerfiles = built.map(({ docker }) => docker.dockerfile);
    const paths = new Set([...dockerfiles, ...releases.flatMap(({ chartPath, valuesFiles }) => [chartPath, ...valuesFiles])]);
    expect([...paths].filter((path) => !existsSync(join(root, path)))).toEqual(['helm/production.values.yaml']);
  });

  /** As Skaffold fills them in for an image `tradecore-notifier:ci` that is in no registry. */
  const filledIn = (template: string): string =>
    template
      .replace(/^\{\{\.IMAGE_REPO_(\w+)\}\}$/, (_, image: string) => image.replaceAll('_', '-'))
      .replace(/^\{\{\.IMAGE_TAG_\w+\}\}$/, 'ci')
      .replace(/^\{\{\.IMAGE_DIGEST_\w+\}\}$/, '');

  (helm ? it : it.skip).each(skaffold.profiles.map(({ name, deploy }) => [name, deploy.helm.releases] as const))(
    'says what the chart takes, for its own images alone: %s',
    (name, [release]) => {
      const { valuesFiles, setValueTemplates, setValues = {} } = release!;
      const said = {
        ...setValues,
        ...Object.fromEntries(Object.entries(setValueTemplates).map(([key, each]) => [key, filledIn(each)])),
      };
      const files = valuesFiles.map((path) => path.replace('helm/production.values.yaml', 'helm/test/values/production.yaml'));
      const args = [
        ...files.flatMap((path) => ['--values', join(root, path)]),
        ...Object.entries(said).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
      ];
      const deployed = ofKind('Deployment', manifests('zero', ...args)).filter(
        (each) => !['redis', 'console'].includes(componentOf(each)),
      );
      const ours = deployed.map((each) => podOf(each)['containers']![0]!['image']!);
      expect(ours.length).toBeGreaterThan(12);
      expect(ours.filter((image) => !(name === 'images' ? /^tradecore-[a-z-]+:ci$/ : /^tradecore:ci$/).test(image))).toEqual([]);
    },
  );

  it('can build one image for each service, from the one Dockerfile, and says so of each in the chart', () => {
    const services = images.map(({ docker }) => docker.buildArgs!.SERVICE);
    expect(services.toSorted()).toEqual(readdirSync(join(root, 'services')).toSorted());
    expect(readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')).toContain('ARG SERVICE');
    const set = Object.keys(releases.at(-1)!.setValueTemplates).flatMap(
      (key) => /^(?:services\.)?(.+)\.image\.tag$/.exec(key)?.[1] ?? [],
    );
    const { services: charted } = parse(readFileSync(join(root, 'helm/tradecore/values.yaml'), 'utf8')) as { services: object };
    expect(set.toSorted()).toEqual([...Object.keys(charted), 'operate'].toSorted());
  });
});
